/// A function with its manifest and its places.
struct Deployment: Sendable {
    let function: any Function
    let manifest: FunctionManifest
    let gate: ConcurrencyGate

    init(_ function: any Function) throws {
        self.function = function
        manifest = try FunctionManifest(yaml: type(of: function).manifest)
        gate = ConcurrencyGate(limit: manifest.limits.maxConcurrency)
    }
}
