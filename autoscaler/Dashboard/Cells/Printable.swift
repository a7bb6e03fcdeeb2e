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
