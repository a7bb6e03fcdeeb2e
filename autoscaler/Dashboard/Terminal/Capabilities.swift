/// How many colours a terminal shows.
public enum ColorDepth: Sendable, Equatable {
    /// None at all.
    case none
    /// The eight of ECMA-48.
    case basic
    /// 256.
    case palette
    /// 24 bits.
    case full
}

/// What a terminal can do, as far as the environment tells.
public struct Capabilities: Sendable, Equatable {
    /// Its colours.
    public var colors: ColorDepth
    /// Whether it shows more than ASCII.
    public var unicode: Bool
    /// Whether the cursor can be moved, so that a live view can be drawn.
    public var isAddressable: Bool

    /// Capabilities of their parts.
    public init(colors: ColorDepth, unicode: Bool, isAddressable: Bool) {
        self.colors = colors
        self.unicode = unicode
        self.isAddressable = isAddressable
    }

    /// What `TERM`, `COLORTERM`, `NO_COLOR` (no-color.org) and the locale (`LC_ALL`, `LC_CTYPE`, `LANG`) say.
    ///
    /// - Parameter isTerminal: whether the output goes to a terminal at all.
    public init(environment: [String: String], isTerminal: Bool) {
        let term = environment["TERM"] ?? ""
        isAddressable = isTerminal && !term.isEmpty && term != "dumb" && term != "unknown"
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty } ?? ""
        let encoding = locale.lowercased()
        unicode = encoding.contains("utf-8") || encoding.contains("utf8")
        colors =
            if !isAddressable || environment["NO_COLOR"].map({ !$0.isEmpty }) ?? false || term.hasSuffix("-mono") {
                .none
            } else if ["truecolor", "24bit"].contains(environment["COLORTERM"] ?? "") || term.hasSuffix("-direct") {
                .full
            } else if term.contains("256color") {
                .palette
            } else if term.hasPrefix("vt1") || term.hasPrefix("vt2") {
                .none
            } else {
                .basic
            }
    }
}
