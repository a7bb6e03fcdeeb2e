import Jobs
import ServiceContract

/// How many replicas there are, how many there should be, and why. Five rows.
struct DecisionPanel {
    let model: DashboardModel
    private static let indent = 10

    func draw(in area: Area, of buffer: inout CellBuffer) {
        guard model.snapshot != nil else { return }
        var rest = area
        replicas(in: rest.takeTop(1), &buffer)
        guard let record = model.record else {
            let text =
                "No autoscaler has reported here yet: nobody resizes the workers. Start one with “autoscaler run”."
            paragraph("Why", text, .warning, in: rest.takeTop(2), &buffer)
            _ = rest.takeTop(1)
            paragraph(
                "Jobs", jobs(nil, area.width - Self.indent - 1, buffer.glyphs), .plain, in: rest.takeTop(1), &buffer)
            return
        }
        let reasons = record.reasons.map(\.sentence).joined(separator: "; ")
        if let silence = model.silence {
            let text = "\(span(silence)) without a word from \(record.leader): is it still running? Last: \(reasons)"
            paragraph("Why", text, .warning, in: rest.takeTop(2), &buffer)
        } else {
            paragraph("Why", reasons.isEmpty ? "nothing to do" : reasons, .plain, in: rest.takeTop(2), &buffer)
        }
        if let change = record.lastChange {
            let ago = span(model.now.timeIntervalSince(change.at))
            let text = "\(change.from) \(buffer.glyphs.arrow) \(change.to), \(ago) ago: \(change.why)"
            paragraph("Changed", text, .plain, in: rest.takeTop(1), &buffer)
        } else {
            paragraph("Changed", "nothing yet", .faint, in: rest.takeTop(1), &buffer)
        }
        paragraph(
            "Jobs", jobs(record, area.width - Self.indent - 1, buffer.glyphs), .plain, in: rest.takeTop(1), &buffer)
    }

    private func replicas(in area: Area, _ buffer: inout CellBuffer) {
        let (mode, style) = self.mode
        let tag = " \(mode) "
        let room = area.width - tag.count - 1
        label("Replicas", in: area, &buffer)
        buffer.write(tag, rightIn: tag.count, column: area.column + room, row: area.row, style: style)
        var column = area.column + Self.indent
        func add(_ text: String, _ style: Style) {
            column += buffer.write(
                text, column: column, row: area.row, width: area.column + room - column, style: style)
        }
        guard let record = model.record else { return add("unknown", .faint) }
        let (replicas, bounds, glyphs) = (record.replicas, record.bounds, buffer.glyphs)
        if bounds.maximum <= (area.width >= 100 ? 24 : 8) {
            let (now, wanted) = (replicas.now ?? 0, replicas.wanted ?? 0)
            add(String(repeating: glyphs.pips.here, count: min(max(now, 0), bounds.maximum)), .good)
            add(
                String(repeating: glyphs.pips.wanted, count: max(min(wanted, bounds.maximum) - max(now, 0), 0)), .accent
            )
            let free = bounds.maximum - max(now, wanted)
            add(String(repeating: glyphs.pips.allowed, count: max(min(free, bounds.maximum), 0)) + " ", .faint)
        }
        add("\(replicas.now.map(String.init) ?? "?") now", .bold)
        add(" \(glyphs.arrow) ", .plain)
        add(
            "\(replicas.wanted.map(String.init) ?? "?") wanted",
            replicas.now == replicas.wanted ? .bold : Style(color: .accent, isBold: true))
        add(" (\(bounds.minimum)\(glyphs.range)\(bounds.maximum))", .faint)
        add(" \(glyphs.dot) \(replicas.ready) ready", .plain)
        if replicas.pending > 0 { add(" \(glyphs.dot) \(replicas.pending) pending", .warning) }
    }

    private var mode: (String, Style) {
        let control = model.control
        let loud = Style(color: .warning, isBold: true, isReversed: true)
        switch (control.isPaused, control.override) {
        case (true, nil): return ("PAUSED", loud)
        case (true, let count?): return ("PAUSED, THEN \(count)", loud)
        case (false, let count?): return ("OVERRIDE \(count)", loud)
        case (false, nil): break
        }
        return model.record == nil ? ("", .plain) : ("automatic", .good)
    }

    /// Remarks about the work, as many as fit, the important ones first.
    private func jobs(_ record: AutoscalerRecord?, _ width: Int, _ glyphs: Glyphs) -> String {
        var parts: [String] = []
        if let depth = model.snapshot?.depth {
            if depth.dead > 0 { parts.append("\(depth.dead) dead (r retries)") }
            let failed = model.traffic.failed(until: model.now)
            if failed > 0 { parts.append("\(failed) failed in 1 h") }
            let rate = model.traffic.donePerMinute(until: model.now)
            let left = depth.waiting + depth.inFlight
            if left > 0, rate > 0 { parts.append("done in \(span(Double(left) / rate * 60))") }
        }
        if let seen = record?.observation {
            if let promise = seen.promisedWait, let kept = seen.keptShare {
                parts.append("\(Int(kept * 100)) % waited under \(span(promise))")
            }
            if let audio = seen.audioSeconds { parts.append("\(span(audio)) of audio") }
            if let factor = seen.realTimeFactor { parts.append("\(hundredths(factor)) s a second") }
            if let room = seen.memoryRoom { parts.append("memory for \(counted(room, "worker"))") }
            if let each = seen.memoryPerWorker { parts.append("\(size(each)) each") }
        }
        guard var text = parts.first else { return "nothing to do" }
        for part in parts.dropFirst() where (text + part).columns + 3 <= width { text += " \(glyphs.dot) \(part)" }
        return text
    }

    private func hundredths(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e6 else { return "?" }
        let whole = Int((value * 100).rounded())
        return "\(whole / 100).\(whole % 100 < 10 ? "0" : "")\(whole % 100)"
    }

    private func label(_ text: String, in area: Area, _ buffer: inout CellBuffer) {
        buffer.write(text, column: area.column + 1, row: area.row, width: Self.indent - 1, style: .heading)
    }

    /// A label and its text, over all rows of `area`.
    private func paragraph(_ name: String, _ text: String, _ style: Style, in area: Area, _ buffer: inout CellBuffer) {
        guard !area.isEmpty else { return }
        label(name, in: area, &buffer)
        let width = area.width - Self.indent - 1
        let words = text.printable(unicode: buffer.unicode)
        var lines = words.wrapped(to: width)
        if lines.count > area.height {
            // The last line gets all that is left, and is cut where the room ends.
            let rest = lines[(area.height - 1)...].joined(separator: " ")
            lines = lines[..<(area.height - 1)] + [rest]
        }
        for (row, line) in lines.enumerated() {
            buffer.write(line, column: area.column + Self.indent, row: area.row + row, width: width, style: style)
        }
    }
}
