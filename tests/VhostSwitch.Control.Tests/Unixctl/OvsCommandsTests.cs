using VhostSwitch.Control.CommandLine;
using VhostSwitch.Control.Statistics;
using VhostSwitch.Control.Unixctl;

namespace VhostSwitch.Control.Tests.Unixctl;

public sealed class OvsCommandsTests : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly FixedOperations _operations = new();
    private readonly UnixctlServer _server = new("test", _ => { });
    private LogLevel? _level;

    public OvsCommandsTests()
    {
        SwitchCommands.Register(_server, () => Task.FromResult(Show.Sample.Snapshot), () => Task.FromResult<IReadOnlyList<DeviceStatistics>>([]),
            new OvsCommands(_operations, level => _level = level), () => { });
        _server.Listen(_folder.File("ctl"));
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task FdbShowHasItsColumns() => Assert.Equal(
        """
         port  VLAN  MAC                Age
            1     0  52:54:00:00:00:0a    3
        LOCAL    20  52:54:00:00:00:0b  120

        """, await AskAsync("fdb/show", "br0"));

    [Fact]
    public async Task FdbStatsShowCountsAddresses()
    {
        string text = await AskAsync("fdb/stats-show", "br0");
        Assert.StartsWith("Statistics for bridge \"br0\":\n  Current/maximum MAC entries in the table: 2/65536\n", text);
        Assert.EndsWith("  Total number of port moved MAC entries  : 1\n", text);
    }

    [Theory]
    [InlineData("fdb/show")]
    [InlineData("fdb/stats-show")]
    [InlineData("fdb/flush")]
    public async Task ABridgeThatIsNotThereIsRefused(string command) =>
        Assert.Equal("no such bridge", (await Assert.ThrowsAsync<UnixctlCommandException>(() => AskAsync(command, "br9"))).Message);

    [Fact]
    public async Task FlushesOneBridgeOrAll()
    {
        Assert.Equal("table successfully flushed\n", await AskAsync("fdb/flush", "br0"));
        await AskAsync("fdb/flush");
        Assert.Equal(["br0", "br0"], _operations.Flushed);
    }

    [Fact]
    public async Task StatisticsCountFromWhereTheyWereCleared()
    {
        Assert.StartsWith("pmd thread numa_id 0 core_id 1:\n  packets received: 100\n", await AskAsync("dpif-netdev/pmd-stats-show"));
        Assert.Equal("", await AskAsync("dpif-netdev/pmd-stats-clear"));
        _operations.Frames = 140;
        Assert.Equal(
            """
            pmd thread numa_id 0 core_id 1:
              packets received: 40
              packet recirculations: 0
              avg. datapath passes per packet: 1.00
              idle cycles: 30000 (75.00%)
              processing cycles: 10000 (25.00%)
              avg cycles per packet: 1000.00 (40000/40)
              avg processing cycles per packet: 250.00 (10000/40)

            """, await AskAsync("dpif-netdev/pmd-stats-show"));
    }

    [Fact]
    public async Task QueuesAreShownWithTheirShare() => Assert.Equal(
        """
        Displaying last 1 seconds pmd usage %
        pmd thread numa_id 0 core_id 1:
          isolated : false
          port: dpdkvhostclient0  queue-id:  1 (disabled)  pmd usage:  5 %
          port: p0                queue-id:  0 (enabled)   pmd usage: 25 %

        """, await AskAsync("dpif-netdev/pmd-rxq-show"));

    [Theory]
    [InlineData("dbg", LogLevel.Debug)]
    [InlineData("ANY:console:WARN", LogLevel.Warning)]
    [InlineData("any:err", LogLevel.Error)]
    public async Task SetsTheLevelOfTheLog(string text, LogLevel level)
    {
        Assert.Equal("", await AskAsync("vlog/set", text));
        Assert.Equal(level, _level);
    }

    [Theory]
    [InlineData("bridge:dbg")]
    [InlineData("loud")]
    [InlineData("any:any:any:dbg")]
    public async Task RefusesLevelsThatThereAreNot(string text)
    {
        await Assert.ThrowsAsync<UnixctlCommandException>(() => AskAsync("vlog/set", text));
        Assert.Null(_level);
    }

    private async Task<string> AskAsync(string command, params string[] arguments)
    {
        using var client = await UnixctlClient.ConnectAsync(_folder.File("ctl"));
        return await client.CallAsync(command, arguments);
    }
}
