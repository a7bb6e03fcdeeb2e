import Jobs
import ServiceContract

/// Something that happened to the dashboard.
package enum Message: Sendable, Equatable {
    /// A key was pressed.
    case key(Key)
    /// Redis was read.
    case observed(Snapshot)
    /// Redis could not be read; what is the matter, as a line for the operator.
    case away(String)
    /// A request was carried out; what that means, as a sentence.
    case carriedOut(String)
    /// A request could not be carried out; why, as a sentence.
    case refused(String)
    /// The terminal has another size, or shows something else.
    case redraw
    /// Somebody wants the dashboard to end.
    case end
}

/// Something that the dashboard is to do.
package enum Effect: Sendable, Equatable {
    /// Ask something of Redis.
    case request(Request)
    /// Draw everything.
    case redraw
    /// Stop the process until it is continued.
    case suspend
    /// End.
    case quit
}

/// What the operator asks of Redis.
package enum Request: Sendable, Equatable {
    /// Pause, resume, override.
    case control(AutoscalerControl.Request)
    /// Let a worker claim no more.
    case drain(String)
    /// Let it claim again.
    case withdrawDrain(String)
    /// Put all dead jobs back into the queue.
    case retryDead
}
