using VhostSwitch.Control.Configuration;
using VhostSwitch.Control.Ovsdb;

namespace VhostSwitch.Control.Tests.Ovsdb;

public class OvsdbRowsTests
{
    private static readonly InterfaceReport Fine = new(1, null)
    {
        Facts = new(true, true, null, null, 0, new Dictionary<string, string> { ["mode"] = "server" }, new Dictionary<string, long> { ["rx_packets"] = 5 }),
    };

    [Fact]
    public void OneSetOfUpdatesHasTheNumberAndTheEndOfTheConfiguration()
    {
        var updates = Updates(Fine, "");
        Assert.Equal(OvsdbDatum.Of(1), updates.Single(update => update.Table == "Interface").Columns["ofport"]);
        Assert.Equal(OvsdbDatum.Of(7), updates.Single(update => update.Table == "Open_vSwitch").Columns["cur_cfg"]);
    }

    [Fact]
    public void WhatTheDatabaseSaysAlreadyIsNotWritten() =>
        Assert.DoesNotContain("ofport", Updates(Fine, ", \"ofport\": 1").SelectMany(update => update.Columns.Keys));

    [Fact]
    public void StatisticsAreWrittenWhenTheirTimeHasCome()
    {
        const string before = """, "statistics": ["map", [["rx_packets", 4]]]""";
        Assert.DoesNotContain(Updates(Fine, before, withStatistics: false), update => update.Columns.ContainsKey("statistics"));
        Assert.Equal(OvsdbDatum.Of(new Dictionary<string, long> { ["rx_packets"] = 5 }), Updates(Fine, before).Single(u => u.Table == "Interface").Columns["statistics"]);
    }

    [Fact]
    public void WhatCouldNotBeMadeHasItsErrorAndNothingElse()
    {
        var columns = Updates(new(InterfaceReport.NoPort, "why"), """, "link_state": "up", "status": ["map", [["a", "b"]]], "mtu": 1500""")
            .Single(update => update.Table == "Interface").Columns;
        Assert.Equal(OvsdbDatum.Of(-1), columns["ofport"]);
        Assert.Equal(OvsdbDatum.Of("why"), columns["error"]);
        Assert.Equal(OvsdbDatum.Empty, columns["link_state"]);
        Assert.Equal(OvsdbDatum.Empty, columns["mtu"]);
        Assert.Equal(OvsdbDatum.Of(new Dictionary<string, string>()), columns["status"]);
    }

    [Fact]
    public void AnInterfaceThatTheSwitchDoesNotKnowIsLeftAlone() =>
        Assert.DoesNotContain(
            OvsdbRows.Differences(Tables.With(), new SwitchReport(new Dictionary<string, BridgeReport>(), new Dictionary<string, InterfaceReport>()), 7, "v", true),
            update => update.Table == "Interface");

    private static IReadOnlyList<OvsdbUpdate> Updates(InterfaceReport report, string columns, bool withStatistics = true) => OvsdbRows.Differences(
        Tables.With(@interface: columns),
        new SwitchReport(new Dictionary<string, BridgeReport>(), new Dictionary<string, InterfaceReport> { ["p0"] = report }), 7, "v", withStatistics);
}
