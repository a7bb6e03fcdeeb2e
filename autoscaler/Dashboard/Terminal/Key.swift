/// A key that was pressed.
package enum Key: Sendable, Equatable {
    /// A printable character.
    case character(Character)
    case up
    case down
    case pageUp
    case pageDown
    case home
    case end
    case escape
    case enter
    /// Ctrl with a letter.
    case control(Character)
}
