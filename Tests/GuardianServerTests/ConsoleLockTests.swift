import GuardianCore
import GuardianServer
import GuardianTesting
import Testing

/// The forced release of the lock.
@Suite struct ConsoleLockTests {
    @Test("releasing the lock says what is on the wire, wants it typed, and raises the epoch")
    func releaseLock() async throws {
        try await Visitor.enter { visitor in
            try await visitor.sidecar.accept(operation("a", id: "a"))
            try await visitor.sidecar.settleHeads(nil)
            let before = try #require(try await visitor.sidecar.store.lockState())
            let page = try await visitor.get("/admin/actions/force-release-lock").body
            #expect(page.contains("data-phrase=\"release 1\""))
            #expect(page.contains("processor test (epoch \(before.fence.epoch))"))
            try await visitor.post("/admin/actions/force-release-lock").expectProblem(400)
            #expect(try await visitor.sidecar.store.lockState() == before)
            expectBack(try await visitor.confirm("/admin/actions/force-release-lock"), to: "/admin")
            #expect(try await visitor.sidecar.store.lockState() == nil)
            #expect(try await visitor.sidecar.store.books().pending == 1)
            await #expect(throws: StoreError.stale) {
                try await visitor.sidecar.store.renewLock(before.fence, now: visitor.sidecar.clock.now.wall)
            }
        }
    }

    @Test("a release that was confirmed for one holder leaves alone who has taken the lock since")
    func releaseOfAnother() async throws {
        try await Visitor.enter { visitor in
            let (store, now) = (visitor.sidecar.store, visitor.sidecar.clock.now.wall)
            try await visitor.sidecar.settleHeads(nil)
            let form = try await visitor.form("/admin/actions/force-release-lock")
            guard case .acquired(let fence, _, _) = try await store.acquireLock(owner: "other", now: now, staleAfterMs: 0) else {
                Issue.record("the lock is taken")
                return
            }
            let answer = try await visitor.post("/admin/actions/force-release-lock", form)
            answer.expectProblem(409, says: "another processor has taken the lock since")
            try await store.renewLock(fence, now: now)
            let unnamed = try await visitor.post("/admin/actions/force-release-lock", form.filter { $0.0 != "epoch" })
            unnamed.expectProblem(400, field: "epoch", says: "whom the dialog has named")
            expectBack(try await visitor.confirm("/admin/actions/force-release-lock"), to: "/admin")
            #expect(try await store.lockState() == nil)
        }
    }

    @Test("where several processors share a store, the page, the dialog and the answer say how many are fenced off, and which")
    func releaseOfSeveral() async throws {
        let store = TroubledStore()
        let now = Timestamp(milliseconds: 0)
        store.otherProcessors = (Int64(7)..<13).map {
            LockState(fence: Fence(owner: "machine-\($0)", epoch: $0), heartbeatAt: now, acquiredAt: now)
        }
        try await Visitor.withConsole(store: store) { sidecar in
            try await sidecar.settleHeads(nil)
            let visitor = try await Visitor.logIn("admin", sidecar)
            let overview = try await visitor.get("/admin").body
            for word in ["<dt>Processors</dt><dd>7</dd>", "title=\"test\"", "title=\"machine-10\"", "and 2 more"] {
                #expect(overview.contains(word), "\(word)")
            }
            #expect(!overview.contains("· this process"))
            let dialog = try await visitor.get("/admin/actions/force-release-lock").body
            #expect(dialog.contains("from 7 processors: test (epoch 1), machine-7 (epoch 7), "))
            #expect(dialog.contains("machine-10 (epoch 10) and 2 more, and fences all of them off"))
            expectBack(try await visitor.confirm("/admin/actions/force-release-lock"), to: "/admin")
            #expect(try await visitor.get("/admin").body.contains("its 7 former holders are fenced off"))
            #expect(store.otherProcessors.isEmpty)
        }
    }
}
