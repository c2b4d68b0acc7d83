import QtQuick 2.12
import QtQuick.Controls 2.12
import QtQuick.Layouts 1.12
import Shotcut.Controls 1.0 as Shotcut

Shotcut.KeyframableFilter {
    id: panel

    readonly property var defaults: ({
        'strength': 1, 'task': 'restore', 'preset': 'fast', 'noise': 0, 'delayed': 0,
        'show change map': 0, 'mix with original': 0
    })
    readonly property var tasks: ['restore', 'denoise', 'deblock']
    readonly property var sizes: ['fast', 'quality', 'best']

    function setControls() {
        const position = getPosition()
        blockUpdate = true
        strengthSlider.value = filter.getDouble('strength', position) * 100
        mixSlider.value = filter.getDouble('mix with original', position) * 100
        blockUpdate = false
        taskBox.currentIndex = Math.max(0, tasks.indexOf(filter.get('task')))
        presetBox.currentIndex = Math.max(0, sizes.indexOf(filter.get('preset')))
        noiseSlider.value = filter.getDouble('noise') * 100
        delayedBox.checked = filter.getDouble('delayed') >= 0.5
        mapBox.checked = filter.getDouble('show change map') >= 0.5
        strengthSlider.enabled = mixSlider.enabled = isSimpleKeyframesActive()
    }

    function updateSimpleKeyframes() {
        updateFilter('strength', strengthSlider.value / 100, strengthKeys)
        updateFilter('mix with original', mixSlider.value / 100, mixKeys)
    }

    width: 400
    height: 290
    keyframableParameters: ['strength', 'mix with original']
    startValues: [0, 0]
    middleValues: [1, 0]
    endValues: [0, 0]

    Component.onCompleted: {
        if (filter.isNew) {
            for (const name in defaults)
                filter.set(name, defaults[name])
            filter.savePreset(preset.parameters)
        }
        setControls()
    }

    GridLayout {
        anchors.fill: parent
        anchors.margins: 8
        columns: 4

        Label {
            text: qsTr('Preset')
            Layout.alignment: Qt.AlignRight
        }
        Shotcut.Preset {
            id: preset
            parameters: Object.keys(panel.defaults)
            Layout.columnSpan: 3
            onBeforePresetLoaded: resetSimpleKeyframes()
            onPresetSelected: {
                setControls()
                initializeSimpleKeyframes()
            }
        }

        Label {
            text: qsTr('Strength')
            Layout.alignment: Qt.AlignRight
        }
        Shotcut.SliderSpinner {
            id: strengthSlider
            minimumValue: 0
            maximumValue: 100
            suffix: ' %'
            onValueChanged: updateFilter('strength', value / 100, strengthKeys, getPosition())
        }
        Shotcut.UndoButton {
            onClicked: strengthSlider.value = 100
        }
        Shotcut.KeyframesButton {
            id: strengthKeys
            checked: filter.animateIn <= 0 && filter.animateOut <= 0 && filter.keyframeCount('strength') > 0
            onToggled: {
                strengthSlider.enabled = true
                toggleKeyframes(checked, 'strength', strengthSlider.value / 100)
            }
        }

        Label {
            text: qsTr('Task')
            Layout.alignment: Qt.AlignRight
        }
        Shotcut.ComboBox {
            id: taskBox
            model: [qsTr('Restore'), qsTr('Denoise'), qsTr('Deblock')]
            Layout.columnSpan: 3
            onActivated: filter.set('task', panel.tasks[currentIndex])
        }

        Label {
            text: qsTr('Network')
            Layout.alignment: Qt.AlignRight
        }
        Shotcut.ComboBox {
            id: presetBox
            model: [qsTr('Fast'), qsTr('Quality'), qsTr('Best')]
            Layout.columnSpan: 3
            onActivated: filter.set('preset', panel.sizes[currentIndex])
        }

        Label {
            text: qsTr('Noise (0 is automatic)')
            Layout.alignment: Qt.AlignRight
        }
        Shotcut.SliderSpinner {
            id: noiseSlider
            minimumValue: 0
            maximumValue: 100
            decimals: 1
            Layout.columnSpan: 3
            onValueChanged: filter.set('noise', value / 100)
        }

        Label {
            text: qsTr('Mix with original')
            Layout.alignment: Qt.AlignRight
        }
        Shotcut.SliderSpinner {
            id: mixSlider
            minimumValue: 0
            maximumValue: 100
            suffix: ' %'
            onValueChanged: updateFilter('mix with original', value / 100, mixKeys, getPosition())
        }
        Shotcut.UndoButton {
            onClicked: mixSlider.value = 0
        }
        Shotcut.KeyframesButton {
            id: mixKeys
            checked: filter.animateIn <= 0 && filter.animateOut <= 0 && filter.keyframeCount('mix with original') > 0
            onToggled: {
                mixSlider.enabled = true
                toggleKeyframes(checked, 'mix with original', mixSlider.value / 100)
            }
        }

        Label {} // keeps the column of labels
        CheckBox {
            id: mapBox
            text: qsTr('Show change map')
            Layout.columnSpan: 3
            onClicked: filter.set('show change map', checked ? 1 : 0)
        }
        Label {}
        CheckBox {
            id: delayedBox
            text: qsTr('Look ahead (picture comes two frames late)')
            Layout.columnSpan: 3
            onClicked: filter.set('delayed', checked ? 1 : 0)
        }

        Item {
            Layout.fillHeight: true
        }
    }

    Connections {
        target: filter
        function onInChanged() { updateSimpleKeyframes() }
        function onOutChanged() { updateSimpleKeyframes() }
        function onAnimateInChanged() { updateSimpleKeyframes() }
        function onAnimateOutChanged() { updateSimpleKeyframes() }
        function onPropertyChanged(name) { setControls() }
    }

    Connections {
        target: producer
        function onPositionChanged() { setControls() }
    }
}
