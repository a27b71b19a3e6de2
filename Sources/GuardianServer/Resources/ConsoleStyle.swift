/// The console's looks: one style sheet, light and dark, from 360 to 1920 pixels and beyond.
enum ConsoleStyle {
    static let text = tokens + frame + parts + tables + pages + narrow

    static let icon = ##"""
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="M16 2 28 6v9c0 8-5 12.500-12 15C9 27.500 4 23 4 15V6z" \##
        fill="#0f766e"/><path d="M10.500 13.500a6 6 0 0 1 10.800-1.700M21.500 17.500a6 6 0 0 1-10.800 1.700" fill="none" stroke="#fff" \##
        stroke-width="2.400" stroke-linecap="round"/><path d="M22 8.500v4h-4M10 22.500v-4h4" fill="none" stroke="#fff" \##
        stroke-width="2.400" stroke-linecap="round" stroke-linejoin="round"/></svg>
        """##

    private static let tokens = #"""
        :root {
          color-scheme: light;
          --page: #f6f7f9; --card: #ffffff; --line: #d9dee5; --line-soft: #e8ebf0;
          --ink: #16202c; --ink-2: #4a5767; --link: #0b5cad; --focus: #0b5cad;
          --hover: #eef3f9; --code: #eef1f5;
          --orange-ink: #9a3f06; --orange-soft: #fff1e2; --red-ink: #b01620; --red-soft: #fdecec;
          --green-ink: #14662f; --green-soft: #e4f5e9; --blue-ink: #1c4fb5; --blue-soft: #e7eefc;
          --purple-ink: #6d28b8; --teal-ink: #0d635c; --teal-soft: #e0f3f1;
          --chart-1: #0f766e; --chart-2: #c2410c; --chart-3: #7e22ce; --grid: #e4e8ee;
          --shadow: 0 1px 2px rgb(16 24 40 / 6%);
        }
        @media (prefers-color-scheme: dark) { :root:not([data-theme="light"]) {
          color-scheme: dark;
          --page: #0f141a; --card: #171d25; --line: #313b48; --line-soft: #242c37;
          --ink: #e7ecf2; --ink-2: #a9b5c3; --link: #7db8f7; --focus: #7db8f7;
          --hover: #1e2732; --code: #1f2732;
          --orange-ink: #fdb472; --orange-soft: #38230f; --red-ink: #ff9c9c; --red-soft: #3d1a1d;
          --green-ink: #7fdb9b; --green-soft: #14301e; --blue-ink: #9cc2ff; --blue-soft: #172a4a;
          --purple-ink: #d3a8ff; --teal-ink: #6fdcd0; --teal-soft: #0f302d;
          --chart-1: #4fd1c5; --chart-2: #fb923c; --chart-3: #c792ff; --grid: #28313d;
          --shadow: none;
        } }
        :root[data-theme="dark"] {
          color-scheme: dark;
          --page: #0f141a; --card: #171d25; --line: #313b48; --line-soft: #242c37;
          --ink: #e7ecf2; --ink-2: #a9b5c3; --link: #7db8f7; --focus: #7db8f7;
          --hover: #1e2732; --code: #1f2732;
          --orange-ink: #fdb472; --orange-soft: #38230f; --red-ink: #ff9c9c; --red-soft: #3d1a1d;
          --green-ink: #7fdb9b; --green-soft: #14301e; --blue-ink: #9cc2ff; --blue-soft: #172a4a;
          --purple-ink: #d3a8ff; --teal-ink: #6fdcd0; --teal-soft: #0f302d;
          --chart-1: #4fd1c5; --chart-2: #fb923c; --chart-3: #c792ff; --grid: #28313d;
          --shadow: none;
        }
        * { box-sizing: border-box; }
        html { scroll-padding-top: 4rem; }
        body { margin: 0; background: var(--page); color: var(--ink);
          font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
          font-variant-numeric: tabular-nums; }
        h1 { font-size: 1.35rem; line-height: 1.25; margin: 0 0 .75rem; font-weight: 650; overflow-wrap: anywhere; }
        h2 { font-size: .95rem; margin: 0 0 .6rem; font-weight: 650; }
        h3 { font-size: .95rem; margin: 0 0 .25rem; font-weight: 650; }
        p { margin: 0 0 .6rem; }
        a { color: var(--link); text-underline-offset: 2px; }
        code, pre, kbd, .id { font-family: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
          font-size: .9em; }
        code { background: var(--code); padding: .05em .3em; border-radius: 3px; overflow-wrap: anywhere; }
        pre { background: var(--code); padding: .75rem; border-radius: 6px; overflow: auto; max-height: 26rem; margin: 0;
          white-space: pre-wrap; overflow-wrap: anywhere; }
        kbd { border: 1px solid var(--line); border-bottom-width: 2px; border-radius: 4px; padding: 0 .35em; background: var(--card); }
        :focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; border-radius: 3px; }
        main:focus { outline: none; }
        [hidden] { display: none !important; }
        """#

    private static let frame = #"""
        .skip { position: absolute; left: -9999px; top: 0; background: var(--card); padding: .5rem 1rem; z-index: 9; }
        .skip:focus { left: .5rem; top: .5rem; }
        .top { position: sticky; top: 0; z-index: 5; display: flex; align-items: center; gap: .9rem; padding: .45rem 1rem;
          background: var(--card); border-bottom: 1px solid var(--line); min-height: 48px; }
        .brand { display: inline-flex; align-items: center; gap: .45rem; font-weight: 700; color: var(--ink); text-decoration: none;
          white-space: nowrap; }
        .upstream { color: var(--ink-2); white-space: nowrap; overflow: hidden; text-overflow: ellipsis; min-width: 0; }
        .beat { display: flex; align-items: center; gap: .55rem; white-space: nowrap; margin-left: auto; }
        .beat-count { color: var(--ink-2); } .beat-count strong { color: var(--ink); }
        .dot { width: .65rem; height: .65rem; border-radius: 50%; background: var(--green-ink); }
        .dot.warning { background: var(--orange-ink); } .dot.trouble { background: var(--red-ink); }
        .connection { white-space: nowrap; color: var(--ink-2); font-size: .85rem; }
        .connection.lost { background: var(--red-soft); color: var(--red-ink); padding: .1rem .5rem; border-radius: 999px;
          font-weight: 600; }
        .tools { display: flex; align-items: center; gap: .35rem; }
        .who { white-space: nowrap; }
        .role { color: var(--ink-2); font-size: .85em; border: 1px solid var(--line); border-radius: 999px; padding: 0 .45em; }
        .inline { display: inline-flex; gap: .5rem; align-items: center; margin: 0; }
        .frame { display: grid; grid-template-columns: 176px minmax(0, 1fr); max-width: 1920px; margin: 0 auto; }
        .sections { border-right: 1px solid var(--line); padding: .75rem .5rem; }
        .sections ul { list-style: none; margin: 0; padding: 0; position: sticky; top: 60px; }
        .sections a { display: flex; justify-content: space-between; gap: .5rem; padding: .38rem .65rem; border-radius: 6px;
          color: var(--ink); text-decoration: none; }
        .sections a:hover { background: var(--hover); }
        .sections a[aria-current] { background: var(--blue-soft); color: var(--blue-ink); font-weight: 650; }
        .count { background: var(--red-soft); color: var(--red-ink); border-radius: 999px; padding: 0 .45em; font-size: .85em;
          font-weight: 600; }
        main { padding: 1rem 1.25rem 2rem; min-width: 0; }
        .foot { color: var(--ink-2); font-size: .85rem; text-align: center; padding: 0 1rem 1.25rem; }
        .narrow main { max-width: 27rem; margin: 12vh auto 0; }
        .narrow h1 { display: flex; align-items: center; gap: .6rem; font-size: 1.5rem; }
        .narrow .code { font-size: 2.5rem; font-weight: 700; color: var(--ink-2); margin: 0; }
        """#

    private static let parts = #"""
        .banner { background: #b3141f; color: #fff; border-radius: 8px; padding: .65rem .9rem; margin: 0 0 .9rem; font-weight: 550; }
        .banner ul { margin: 0; padding-left: 1.1rem; }
        .standing { border: 1px solid #b3141f; border-left-width: 6px; background: var(--red-soft); color: var(--red-ink);
          border-radius: 8px; padding: .45rem .8rem; margin: 0 0 .9rem; }
        .flash { background: var(--green-soft); color: var(--green-ink); border-radius: 8px; padding: .55rem .9rem; font-weight: 550; }
        .flash.bad { background: var(--red-soft); color: var(--red-ink); }
        .card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .85rem 1rem; margin: 0 0 .9rem;
          box-shadow: var(--shadow); min-width: 0; }
        .head { display: flex; align-items: baseline; justify-content: space-between; flex-wrap: wrap; gap: .4rem .9rem;
          margin-bottom: .5rem; }
        .head h1, .head h2 { margin-bottom: 0; }
        .lead, .hint, .empty, .note { color: var(--ink-2); } .hint { font-size: .88rem; font-weight: 400; } .empty { margin: .5rem 0; }
        .columns { display: grid; grid-template-columns: minmax(0, 2fr) minmax(17rem, 1fr); gap: 0 .9rem; align-items: stretch; }
        .columns.even { grid-template-columns: repeat(2, minmax(0, 1fr)); }
        .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.2rem, 1fr)); gap: .6rem; margin-bottom: .9rem; }
        .tile { display: grid; gap: .05rem; background: var(--card); border: 1px solid var(--line); border-top: 3px solid var(--line);
          border-radius: 8px; padding: .55rem .8rem; text-decoration: none; color: var(--ink); box-shadow: var(--shadow); }
        .tile:hover { background: var(--hover); }
        .tile .label { color: var(--ink-2); font-size: .85rem; } .tile .value { font-size: 1.45rem; font-weight: 650; line-height: 1.2; }
        .tile .note { font-size: .82rem; }
        .tile.orange { border-top-color: #d9730d; } .tile.red { border-top-color: #c81e2b; } .tile.red .value { color: var(--red-ink); }
        .tile.green { border-top-color: #15803d; } .tile.teal { border-top-color: #0f766e; } .tile.blue { border-top-color: #1d4ed8; }
        .facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .22rem .9rem; margin: 0 0 .5rem; }
        .facts dt { color: var(--ink-2); } .facts dd { margin: 0; overflow-wrap: anywhere; }
        .facts.across { grid-template-columns: max-content minmax(0, 1fr) max-content minmax(0, 1fr); }
        .state, .status, .level { display: inline-block; border-radius: 999px; padding: .02rem .55rem; font-size: .85rem; font-weight: 600;
          background: var(--code); color: var(--ink); white-space: nowrap; }
        .status.pending, .state.warning, .level.warning { background: var(--orange-soft); color: var(--orange-ink); }
        .status.failed, .state.bad, .level.error, .level.fatal { background: var(--red-soft); color: var(--red-ink); }
        .status.processing, .level.info { background: var(--blue-soft); color: var(--blue-ink); }
        .state.good { background: var(--green-soft); color: var(--green-ink); }
        dd.bad { color: var(--red-ink); }
        .class { font-weight: 600; color: var(--red-ink); } .type { font-weight: 600; } .etype { color: var(--ink-2); }
        .chip { display: inline-block; margin: .1rem .1rem 0 0; padding: .05rem .55rem; border: 1px solid var(--line); border-radius: 999px;
          text-decoration: none; color: var(--ink); }
        button, .button { font: inherit; font-weight: 550; display: inline-flex; align-items: center; justify-content: center; gap: .3rem;
          padding: .38rem .8rem; border: 1px solid var(--line); border-radius: 6px; background: var(--card); color: var(--ink);
          text-decoration: none; cursor: pointer; min-height: 32px; }
        button:hover, .button:hover { background: var(--hover); }
        .small { padding: .2rem .6rem; min-height: 28px; font-size: .9rem; }
        .quiet { border-color: transparent; background: none; min-width: 32px; padding: .2rem .45rem; }
        .button.orange { background: #b45309; border-color: #b45309; color: #fff; } .button.orange:hover { background: #8f4207; }
        .button.blue, .primary { background: #1d4ed8; border-color: #1d4ed8; color: #fff; }
        .button.blue:hover, .primary:hover { background: #173fae; }
        .button.green { background: #15803d; border-color: #15803d; color: #fff; } .button.green:hover { background: #116631; }
        .button.red, .danger { background: #b91c1c; border-color: #b91c1c; color: #fff; }
        .button.red:hover, .danger:hover { background: #951717; }
        .button.purple { background: #7e22ce; border-color: #7e22ce; color: #fff; } .button.purple:hover { background: #661ba7; }
        .button.teal { background: #0f766e; border-color: #0f766e; color: #fff; } .button.teal:hover { background: #0c5e58; }
        button:disabled:disabled:disabled, button:disabled:disabled:hover { background: var(--code); border-color: var(--line);
          color: var(--ink-2); cursor: not-allowed; }
        input, select, textarea { font: inherit; color: var(--ink); background: var(--card); border: 1px solid #8792a0; border-radius: 6px;
          padding: .3rem .5rem; min-height: 32px; max-width: 100%; }
        input[type=radio], input[type=checkbox] { min-height: 0; accent-color: #1d4ed8; } ::placeholder { color: var(--ink-2); opacity: 1; }
        .segments { display: inline-flex; border: 1px solid var(--line); border-radius: 6px; overflow: hidden; }
        .segments a { padding: .12rem .6rem; text-decoration: none; color: var(--ink); }
        .segments a + a { border-left: 1px solid var(--line); }
        .segments a[aria-current] { background: var(--blue-soft); color: var(--blue-ink); font-weight: 600; }
        progress { width: 100%; height: .6rem; accent-color: #7e22ce; margin-bottom: .5rem; }
        """#

    private static let tables = #"""
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; }
        th, td { text-align: left; padding: .34rem .6rem; border-bottom: 1px solid var(--line-soft); vertical-align: top; }
        thead th { color: var(--ink-2); font-weight: 600; font-size: .84rem; border-bottom-color: var(--line); white-space: nowrap; }
        tbody tr:last-child > * { border-bottom: 0; } tbody tr:hover { background: var(--hover); }
        .rows tr.pending td:first-child { box-shadow: inset 3px 0 #d9730d; }
        .rows tr.failed td:first-child { box-shadow: inset 3px 0 #c81e2b; }
        .rows tr.processing td:first-child { box-shadow: inset 3px 0 #1d4ed8; }
        tr.selected { background: var(--blue-soft) !important; }
        .rows td { white-space: nowrap; }
        .rows .why, .rows .entity, .rows .fields { white-space: normal; overflow-wrap: anywhere; min-width: 12rem; }
        .rows .entity { min-width: 8rem; }
        .rows tbody th { font-weight: 400; } .rows .number { font-variant-numeric: tabular-nums; }
        .open { text-decoration: none; } .open:hover { text-decoration: underline; }
        .message { color: var(--ink-2); overflow-wrap: anywhere; } .retry { color: var(--orange-ink); white-space: nowrap; }
        .log .fields code { background: none; padding: 0; color: var(--ink-2); }
        .sides td { width: 30%; } .sides tr.both { background: var(--orange-soft); }
        .sides label { display: flex; gap: .4rem; align-items: baseline; }
        """#

    private static let pages = #"""
        .wide { display: flex; flex-direction: column; }
        .charts { flex: 1; align-content: space-around; display: grid; grid-template-columns: repeat(2, minmax(0, 1fr));
          gap: .75rem 1.25rem; }
        .chart { margin: 0; min-width: 0; }
        .chart figcaption { display: flex; justify-content: space-between; gap: .5rem; font-weight: 600; font-size: .9rem; }
        .chart .now { font-weight: 600; }
        .chart svg { display: block; width: 100%; height: 132px; }
        .chart .grid { stroke: var(--grid); stroke-width: 1; vector-effect: non-scaling-stroke; }
        .chart path { fill: none; stroke-width: 1.6; vector-effect: non-scaling-stroke; stroke-linejoin: round; }
        .chart .line1 { stroke: var(--chart-1); } .chart .line2 { stroke: var(--chart-2); } .chart .line3 { stroke: var(--chart-3); }
        .chart .area1 { stroke: none; fill: var(--chart-1); opacity: .14; }
        .legend { display: flex; gap: .9rem; font-size: .8rem; color: var(--ink-2); }
        .legend span::before { content: ""; display: inline-block; width: .7rem; height: .2rem; margin-right: .35rem;
          vertical-align: middle; background: currentColor; }
        .legend .line1::before { background: var(--chart-1); } .legend .line2::before { background: var(--chart-2); }
        .legend .line3::before { background: var(--chart-3); }
        .legend .range { margin-left: auto; } .legend .range::before { content: none; }
        .actions { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: .75rem; margin-bottom: .9rem; }
        .action { display: flex; flex-direction: column; background: var(--card); border: 1px solid var(--line); border-left: 4px solid;
          border-radius: 8px; padding: .75rem .9rem; box-shadow: var(--shadow); }
        .action p { color: var(--ink-2); } .action .needs { margin-top: auto; font-size: .82rem; } .action .button { align-self: start; }
        .action.orange { border-left-color: #b45309; } .action.blue { border-left-color: #1d4ed8; }
        .action.green { border-left-color: #15803d; } .action.red { border-left-color: #b91c1c; }
        .action.purple { border-left-color: #7e22ce; } .action.teal { border-left-color: #0f766e; }
        .filters { display: flex; flex-wrap: wrap; gap: .5rem .7rem; align-items: end; }
        .field { display: grid; gap: .12rem; min-width: 0; } .field label { font-size: .82rem; color: var(--ink-2); }
        .field.grow { flex: 1 1 15rem; } .field.buttons { display: flex; gap: .4rem; } .full { flex-basis: 100%; margin: 0; }
        .pages { display: flex; gap: .6rem; align-items: center; flex-wrap: wrap; } .pages p { margin: 0; }
        .bulk, .buttons { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }
        .group .big { font-size: 1.45rem; font-weight: 650; } .group .http { color: var(--ink-2); font-weight: 500; }
        .next { margin-bottom: .5rem; }
        .explain { border-left: 4px solid var(--line); padding: .3rem .75rem; background: var(--code); border-radius: 4px; }
        .explain.bad { border-left-color: #b91c1c; } .explain.warning { border-left-color: #d9730d; }
        .explain.good { border-left-color: #15803d; }
        .idline { margin-top: -.4rem; }
        .timeline { list-style: none; margin: 0 0 .5rem; padding: 0; }
        .timeline li { display: grid; grid-template-columns: 9rem minmax(0, 1fr); gap: .75rem; padding: .25rem 0 .25rem .9rem;
          border-left: 2px solid var(--line); position: relative; overflow-wrap: anywhere; }
        .timeline li::before { content: ""; position: absolute; left: -5px; top: .62rem; width: 8px; height: 8px; border-radius: 50%;
          background: var(--ink-2); }
        .timeline li.bad::before { background: #c81e2b; } .timeline li.warning::before { background: #d9730d; }
        .timeline li.good::before { background: #15803d; }
        .timeline .when { color: var(--ink-2); }
        .confirm { border-top: 4px solid; } .confirm.orange { border-color: #b45309; } .confirm.blue { border-color: #1d4ed8; }
        .confirm.green { border-color: #15803d; } .confirm.red { border-color: #b91c1c; } .confirm.purple { border-color: #7e22ce; }
        .confirm h1 { margin-top: .75rem; } .affected { font-size: 1.05rem; }
        .sample { margin: 0 0 .6rem; padding: 0; list-style: none; max-height: 16rem; overflow: auto; }
        .sample li { padding: .15rem 0; overflow-wrap: anywhere; } .stackform label { font-weight: 550; }
        .stackform fieldset { border: 1px solid var(--line); border-radius: 6px; margin: 0 0 .6rem; }
        #phrase { display: block; width: 100%; margin-top: .25rem; }
        main > .confirm { background: var(--card); max-width: 40rem; padding: 0 1.25rem 1.25rem; border-radius: 8px; }
        dialog { border: 1px solid var(--line); border-radius: 10px; background: var(--card); color: var(--ink); padding: 0 1.25rem 1.25rem;
          width: min(40rem, calc(100vw - 2rem)); }
        dialog::backdrop { background: rgb(0 0 0 / 45%); } dialog .confirm { margin: 0 -1.25rem; padding: 0 1.25rem; }
        .keys { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1rem; } .keys dd { margin: 0; }
        .login { display: grid; gap: .5rem; } .login label { font-weight: 600; } .login .hint { margin: .3rem 0 0; }
        """#

    private static let narrow = #"""
        @media (max-width: 1100px) {
          .columns, .columns.even { grid-template-columns: minmax(0, 1fr); gap: 0; } .chart svg { height: 96px; }
          .stack { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .9rem; } .upstream { display: none; } }
        @media (max-width: 820px) {
          .frame { grid-template-columns: minmax(0, 1fr); }
          .top { flex-wrap: wrap; position: static; gap: .4rem .7rem; padding: .45rem .75rem; }
          .beat { margin-left: 0; order: 3; flex-basis: 100%; } .tools { margin-left: auto; }
          .sections { border-right: 0; border-bottom: 1px solid var(--line); padding: .35rem .5rem; overflow-x: auto; }
          .sections ul { display: flex; position: static; } .sections a { white-space: nowrap; }
          main { padding: .75rem; } .actions { grid-template-columns: minmax(0, 1fr); } .charts { grid-template-columns: minmax(0, 1fr); }
          .stack { grid-template-columns: minmax(0, 1fr); gap: 0; }
          .tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); } .field { flex: 1 1 45%; }
          .field input, .field select { width: 100%; } .timeline li { grid-template-columns: minmax(0, 1fr); gap: 0; }
          .facts.across { grid-template-columns: max-content minmax(0, 1fr); } .who { font-size: .85rem; }
          .rows thead { position: absolute; left: -9999px; }
          .rows tr { display: block; padding: .4rem 0 .4rem .2rem; border-bottom: 1px solid var(--line-soft); }
          .rows td, .rows tbody th { display: inline-block; border: 0; padding: .05rem .5rem; white-space: normal; }
          .rows .why, .rows .fields, .rows .entity { min-width: 0; } .rows .why, .rows .fields { display: block; }
          .rows .number::before { content: "× "; color: var(--ink-2); }
        }
        @media (prefers-reduced-motion: no-preference) { .tile, button, .button, .sections a { transition: background-color .12s; } }
        @media print { .top, .sections, .actions, .pages { display: none; } .frame { display: block; } }
        """#
}
