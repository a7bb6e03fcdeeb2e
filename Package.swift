// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "msaas",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "msaas", targets: ["msaas"]),
        .executable(name: "worker", targets: ["worker"]),
        .executable(name: "function-host", targets: ["function-host"]),
        .executable(name: "autoscaler", targets: ["autoscaler"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: ["FullFoundation"]),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: systemLibraries + engine + clients + service + functions + autoscaler + executables + tests,
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c17
)

/// Module maps and typed shims over the system's C libraries; no logic.
var systemLibraries: [Target] {
    [
        system("COpenBLAS", pkgConfig: "openblas", apt: "libopenblas-dev"),
        system("CMPG123", pkgConfig: "libmpg123", apt: "libmpg123-dev"),
        system("CSndfile", pkgConfig: "sndfile", apt: "libsndfile1-dev"),
        system("CSoxr", pkgConfig: "soxr", apt: "libsoxr-dev"),
        system("CLame", pkgConfig: nil, apt: "libmp3lame-dev"),
        system("CHiredis", pkgConfig: "hiredis", apt: "libhiredis-dev"),
        system("CCurl", pkgConfig: "libcurl", apt: "libcurl4-openssl-dev"),
        system("COpenSSL", pkgConfig: "libcrypto", apt: "libssl-dev"),
    ]
}

/// From a checkpoint and a track to stems; knows nothing of networks or jobs.
var engine: [Target] {
    [
        .target(name: "CKernels", cSettings: [.unsafeFlags(["-O3"], .when(configuration: .release))]),
        .target(name: "Tensors", dependencies: ["COpenBLAS", "CKernels"]),
        .target(name: "Checkpoints"),
        .target(name: "HTDemucs", dependencies: ["Tensors", "Checkpoints"]),
        .target(name: "Audio", dependencies: ["CMPG123", "CSndfile", "CSoxr", "CLame"]),
        .target(name: "Separation", dependencies: ["HTDemucs", "Audio"]),
    ]
}

/// One client for each outside system; none imports another, but for the HTTP transport they share.
var clients: [Target] {
    [
        .target(name: "Threading"),
        .target(name: "HTTPTransport", dependencies: ["CCurl", "Threading"]),
        .target(name: "ObjectStorage", dependencies: ["HTTPTransport", "COpenSSL"]),
        .target(name: "Jobs", dependencies: ["CHiredis", "Threading", .logging]),
        .target(name: "ModelStore", dependencies: ["HTTPTransport", "COpenSSL", "Checkpoints", .yams]),
    ]
}

/// What runs as a server or a loop.
var service: [Target] {
    [
        .target(
            name: "StorageServer", dependencies: ["ObjectStorage", "HTTPTransport", .hummingbird, .logging, .lifecycle]),
        .target(name: "FunctionHost", dependencies: [.hummingbird, .logging, .metrics, .lifecycle, .yams]),
        .target(
            name: "WorkerLoop",
            dependencies: [
                "Jobs", "ObjectStorage", "Separation", "ModelStore", "Threading", .logging, .metrics, .lifecycle,
            ]),
        .target(
            name: "LocalStack",
            dependencies: ["StorageServer", "ObjectStorage", "Jobs", "HTTPTransport", .logging, .lifecycle]),
    ]
}

/// One folder a function: its handler and its function.yaml.
var functions: [Target] {
    [
        function("UploadFunction", "functions/upload", ["Jobs", "ObjectStorage"]),
        function("SeparateFunction", "functions/separate", ["Jobs", "ObjectStorage"]),
        function("FetchFunction", "functions/fetch", ["Jobs", "ObjectStorage"]),
    ]
}

/// The autoscaler's own rooms; Policy imports nothing.
var autoscaler: [Target] {
    [
        .target(name: "Policy", path: "autoscaler/Policy"),
        .executableTarget(name: "autoscaler", dependencies: ["Policy", .argumentParser], path: "autoscaler/autoscaler"),
    ]
}

/// A few lines each over the libraries above.
var executables: [Target] {
    [
        .executableTarget(
            name: "function-host",
            dependencies: [
                "FunctionHost", "UploadFunction", "SeparateFunction", "FetchFunction", .argumentParser, .logging, .lifecycle,
            ]),
        .executableTarget(name: "worker", dependencies: ["WorkerLoop", .argumentParser, .logging, .lifecycle]),
        .executableTarget(
            name: "msaas",
            dependencies: [
                "Separation", "ModelStore", "LocalStack", "Jobs", "HTTPTransport", .argumentParser, .logging, .lifecycle,
            ]),
    ]
}

var tests: [Target] {
    [
        .target(name: "TestSupport", path: "Tests/TestSupport"),
        test("TensorsTests", ["Tensors"]),
        test("CheckpointsTests", ["Checkpoints", "ModelStore"]),
        test("HTDemucsTests", ["HTDemucs", "Checkpoints"]),
        test("AudioTests", ["Audio"]),
        test("SeparationTests", ["Separation", "HTDemucs", "Checkpoints", "Audio"]),
        test("ObjectStorageTests", ["ObjectStorage", "HTTPTransport"]),
        test("StorageServerTests", ["StorageServer", "ObjectStorage", "HTTPTransport"]),
        test("JobsTests", ["Jobs"]),
        test("WorkerLoopTests", ["WorkerLoop", "Jobs", "ObjectStorage"]),
        test("FunctionTests", ["FunctionHost", "UploadFunction", "SeparateFunction", "FetchFunction", "HTTPTransport"]),
        test("PolicyTests", ["Policy"]),
        test("EndToEndTests", ["LocalStack", "HTTPTransport", "Jobs", "Audio"]),
    ]
}

// MARK: - Shorthand

extension Target.Dependency {
    static var argumentParser: Self { .product(name: "ArgumentParser", package: "swift-argument-parser") }
    static var logging: Self { .product(name: "Logging", package: "swift-log") }
    static var metrics: Self { .product(name: "Metrics", package: "swift-metrics") }
    static var lifecycle: Self { .product(name: "ServiceLifecycle", package: "swift-service-lifecycle") }
    static var hummingbird: Self { .product(name: "Hummingbird", package: "hummingbird") }
    static var yams: Self { .product(name: "Yams", package: "Yams") }
}

func system(_ name: String, pkgConfig: String?, apt: String) -> Target {
    .systemLibrary(
        name: name, path: "Sources/SystemLibraries/\(name)", pkgConfig: pkgConfig, providers: [.apt([apt])])
}

func function(_ name: String, _ path: String, _ rooms: [Target.Dependency]) -> Target {
    .target(
        name: name, dependencies: rooms + ["FunctionHost", .logging], path: path,
        resources: [.embedInCode("function.yaml")])
}

func test(_ name: String, _ rooms: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: rooms + ["TestSupport"])
}
