import Testing

@Suite("The reader of Swift that the other rules stand on")
struct SwiftCodeTests {
    @Test("Comments are no code")
    func comments() {
        let code = SwiftCode("let a = 1 // try! x\n/* fatalError( /* nested */ print( */ let b = 2\n")
        #expect(!code.lines.joined().contains("try!"))
        #expect(!code.lines.joined().contains("print("))
        #expect(code.lines[1].hasSuffix("let b = 2"))
    }

    @Test("The text of a string is no code, what it interpolates is")
    func strings() {
        let code = SwiftCode(
            ##"""
            let a = "https://host/ try! \(try! f("x") ) try!" + g()
            let b = #"a "quoted" \(try! no) \#(print("yes"))"#
            """##)
        #expect(code.lines[0].components(of: "try!") == 1)
        #expect(code.lines[0].hasSuffix("+ g()"))
        #expect(code.lines[1].components(of: "print(") == 1)
        #expect(!code.lines[1].contains("try!"))
    }

    @Test("A multi-line string keeps its lines and hides its text")
    func multiLineStrings() {
        let code = SwiftCode("let a = \"\"\"\n    a \"quote\" print(\n    \"\"\"\nprint(a)")
        #expect(code.lines.count == 4)
        #expect(!code.lines[1].contains("print("))
        #expect(code.lines[3] == "print(a)")
    }

    @Test("Every form of import is seen")
    func imports() {
        let source = """
            import A
            public import B
            @testable import C
            @_spi(Inner) internal import struct D.Thing
            #if canImport(FoundationEssentials)
            import FoundationEssentials
            #else
            import Foundation
            #endif
            import Foundation
            // import E
            """
        let imports = SwiftCode(source).imports
        #expect(imports.map(\.module) == ["A", "B", "C", "D", "FoundationEssentials", "Foundation", "Foundation"])
        #expect(imports.map(\.isFoundationFallback) == [false, false, false, false, false, true, false])
        #expect(imports.map(\.line) == [1, 2, 3, 4, 6, 8, 10])
    }
}

extension String {
    /// How often a text occurs.
    fileprivate func components(of text: String) -> Int { ranges(of: text).count }
}
