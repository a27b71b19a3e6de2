// swift-tools-version:6.2
import PackageDescription

let sync = Target.Dependency.product(name: "GuardianSync", package: "GuardianSync")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let parser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "Examples",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "GuardianSync", path: ".."),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    ],
    targets: [
        .executableTarget(name: "FirstApp", dependencies: [sync], path: "FirstApp"),
        .executableTarget(name: "Notes", dependencies: [sync, grdb, parser], path: "Notes"),
        .executableTarget(name: "VitalSigns", dependencies: [sync, parser], path: "VitalSigns"),
    ],
    swiftLanguageModes: [.v6]
)
