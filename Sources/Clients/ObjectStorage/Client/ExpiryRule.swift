/// After how many days a bucket forgets its objects: the part of S3's lifecycle configuration that this project uses.
public struct ExpiryRule: Sendable, Equatable {
    /// A name for the rule, unique in its bucket.
    public var id: String
    /// Only keys that begin so; empty for all.
    public var prefix: String
    /// How many whole days an object stays, 1 or more. Servers remove it some time after the following midnight, UTC.
    public var days: Int

    /// A rule.
    public init(id: String, prefix: String = "", days: Int) {
        self.id = id
        self.prefix = prefix
        self.days = days
    }
}

extension ExpiryRule {
    /// Reads a `Rule` element; `nil` for one that is switched off, or that does anything else than remove objects after days.
    package init?(_ element: XMLTree) {
        let others = element.children.map(\.name).filter {
            !["ID", "Status", "Filter", "Prefix", "Expiration"].contains($0)
        }
        let filter = element["Filter"]?.children.map(\.name) ?? []
        guard element.text("Status") == "Enabled", others.isEmpty, filter.allSatisfy({ $0 == "Prefix" }),
            let days = element["Expiration"]?.text("Days").flatMap({ Int($0) }), days > 0
        else { return nil }
        self.init(
            id: element.text("ID") ?? "", prefix: element["Filter"]?.text("Prefix") ?? element.text("Prefix") ?? "",
            days: days)
    }

    /// The `LifecycleConfiguration` document. The filter is written even where it is empty: MinIO refuses a rule without.
    package static func document(_ rules: [ExpiryRule], declaration: Bool = true) -> String {
        var xml = XMLWriter(declaration: declaration)
        xml.element("LifecycleConfiguration", namespace: XMLWriter.s3) { xml in
            for rule in rules {
                xml.element("Rule") { xml in
                    xml.element("ID", rule.id)
                    xml.element("Status", "Enabled")
                    xml.element("Filter") { $0.element("Prefix", rule.prefix) }
                    xml.element("Expiration") { $0.element("Days", String(rule.days)) }
                }
            }
        }
        return xml.text
    }
}
