using VhostSwitch.Control.Show;
using VhostSwitch.Control.Unixctl;

namespace VhostSwitch.Control.Tests.Unixctl;

/// <summary>A switch with one bridge and one poll thread that says always the same.</summary>
internal sealed class FixedOperations : ISwitchOperations
{
    public List<string> Flushed { get; } = [];

    public ulong Frames { get; set; } = 100;

    public Task<IReadOnlyList<BridgeSnapshot>> BridgesAsync() => Task.FromResult<IReadOnlyList<BridgeSnapshot>>(
    [
        new("br0", [new("1", 0, "52:54:00:00:00:0a", 3), new("LOCAL", 20, "52:54:00:00:00:0b", 120)], new MacTableCounts(65536, 7, 5, 1)),
    ]);

    public Task FlushAsync(string bridge)
    {
        Flushed.Add(bridge);
        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<PollThreadLoad>> LoadsAsync() => Task.FromResult<IReadOnlyList<PollThreadLoad>>(
        [new(0, 1, Frames, Cycles: 1000 * Frames, BusyCycles: 250 * Frames, BusyShare: 0.5, [new("p0", 0, true, 0.5), new("dpdkvhostclient0", 1, false, 0.1)])]);
}
