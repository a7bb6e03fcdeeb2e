extension String {
    /// The text as it can be shown in one line: what would move the cursor, change colours or turn the direction of
    /// writing (file names come from anybody) becomes "�", and with `unicode` false whatever is not ASCII becomes "?".
    package func printable(unicode: Bool) -> String {
        var result = ""
        for scalar in unicodeScalars {
            if !unicode && scalar.value > 0x7E {
                if scalar.properties.generalCategory != .nonspacingMark { result.append("?") }
            } else if scalar.isUnprintable {
                result.append(unicode ? "\u{FFFD}" : "?")
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

extension Unicode.Scalar {
    fileprivate var isUnprintable: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned, .privateUse: true
        // The joiner holds emoji together.
        case .format: value != 0x200D
        default: false
        }
    }
}

extension Character {
    /// How many columns a terminal gives to this character: 0, 1 or 2.
    ///
    /// Source: Unicode Standard Annex 11 (East Asian Width), where ambiguous characters are narrow, and Unicode Technical
    /// Standard 51 for emoji.
    var columns: Int {
        let scalars = unicodeScalars
        guard let first = scalars.first else { return 0 }
        if first.value < 0x300 { return first.properties.generalCategory == .control ? 0 : 1 }
        if scalars.contains("\u{FE0F}"), first.properties.isEmoji { return 2 }
        return first.columns
    }

    /// Whether terminals disagree about its width, so that the cursor has to be placed anew after it.
    var isUncertain: Bool { unicodeScalars.count > 1 || (unicodeScalars.first?.properties.isEmoji ?? false) }
}

extension Unicode.Scalar {
    fileprivate var columns: Int {
        if properties.isEmojiPresentation || isWide { return 2 }
        switch properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format, .control: return 0
        default: return 1
        }
    }

    /// East Asian Width W or F.
    private var isWide: Bool {
        switch value {
        case 0x1100...0x115F, 0x2329...0x232A, 0x2E80...0x303E, 0x3041...0x3247, 0x3250...0x4DBF, 0x4E00...0xA4CF,
            0xA960...0xA97C, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6B, 0xFF01...0xFF60,
            0xFFE0...0xFFE6, 0x16FE0...0x18D08, 0x1AFF0...0x1B2FB, 0x1F200...0x1F265, 0x20000...0x3FFFD:
            true
        default: false
        }
    }
}

extension StringProtocol {
    /// How many columns a terminal gives to this text.
    package var columns: Int { reduce(0) { $0 + $1.columns } }
}
