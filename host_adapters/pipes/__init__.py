"""Video through pipes: YUV4MPEG2, raw samples, and containers that can be streamed."""
