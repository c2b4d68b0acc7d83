import QtQuick 2.12
import org.shotcut.qml 1.0

Metadata {
    type: Metadata.Filter
    name: qsTr('Restore (vdiff)')
    keywords: qsTr('denoise clean restore old noise', 'search keywords for the vdiff filter') + ' vdiff #rgba'
    mlt_service: 'frei0r.vdiff'
    qml: 'ui.qml'

    keyframes {
        allowAnimateIn: true
        allowAnimateOut: true
        simpleProperties: ['strength', 'mix with original']
        parameters: [
            Parameter {
                name: qsTr('Strength')
                property: 'strength'
                isCurve: true
                minimum: 0
                maximum: 1
            },
            Parameter {
                name: qsTr('Mix with original')
                property: 'mix with original'
                isCurve: true
                minimum: 0
                maximum: 1
            }
        ]
    }
}
