/// How a cell looks. A terminal shows as much of it as it can.
package struct Style: Sendable, Hashable {
    /// A colour by its meaning; the terminal's own palette says what it looks like.
    package enum Color: Sendable, Hashable {
        case plain
        case accent
        case good
        case warning
        case bad
        case faint
    }

    package var color: Color = .plain
    package var isBold = false
    package var isReversed = false

    package init(color: Color = .plain, isBold: Bool = false, isReversed: Bool = false) {
        self.color = color
        self.isBold = isBold
        self.isReversed = isReversed
    }

    package static let plain = Style()
    static let bold = Style(isBold: true)
    static let heading = Style(color: .faint)
    static let faint = Style(color: .faint)
    static let accent = Style(color: .accent)
    package static let good = Style(color: .good)
    static let warning = Style(color: .warning)
    package static let bad = Style(color: .bad)
    static let title = Style(isBold: true, isReversed: true)

    /// The sequence (SGR) that makes the terminal write in this style and no other.
    func sequence(_ depth: ColorDepth) -> String {
        var codes = ["0"]
        if isBold { codes.append("1") }
        if isReversed { codes.append("7") }
        if let code = color.code(depth) { codes.append(code) }
        return "\u{1b}[\(codes.joined(separator: ";"))m"
    }
}

extension Style.Color {
    fileprivate func code(_ depth: ColorDepth) -> String? {
        switch depth {
        case .none: nil
        case .basic:
            switch self {
            case .plain: nil
            case .accent: "36"
            case .good: "32"
            case .warning: "33"
            case .bad: "31"
            case .faint: "2"
            }
        case .palette:
            palette.map { "38;5;\($0)" }
        case .full:
            full.map { "38;2;\($0.0);\($0.1);\($0.2)" }
        }
    }

    private var palette: Int? {
        switch self {
        case .plain: nil
        case .accent: 74
        case .good: 71
        case .warning: 179
        case .bad: 167
        case .faint: 245
        }
    }

    private var full: (Int, Int, Int)? {
        switch self {
        case .plain: nil
        case .accent: (86, 156, 214)
        case .good: (106, 176, 96)
        case .warning: (215, 170, 80)
        case .bad: (220, 95, 90)
        case .faint: (138, 138, 138)
        }
    }
}
