using VhostSwitch.Interop.Rig;

namespace VhostSwitch.Bench.Paths;

/// <summary>Open vSwitch with DPDK: one bridge with NORMAL forwarding, one PMD thread.</summary>
internal sealed class OpenVswitchNormal() : Contender(
    "Open vSwitch", "Open vSwitch with DPDK, NORMAL bridge, dpdkvhostuser ports, one PMD thread", usualPorts: 2)
{
    // About 90 MiB each.
    private const int MostPorts = OpenVswitch.MemoryMiB / 90 - 1;

    private OpenVswitch? _ovs;

    public override int Pid => _ovs!.Pid;

    // More do not fit into its memory here; the report says how many it had.
    public override int PortsIn(Settings settings) => Math.Min(base.PortsIn(settings), MostPorts);

    public override async Task<Inspection> InspectAsync()
    {
        var before = await CyclesAsync();
        await Task.Delay(Look);
        var cycles = await CyclesAsync() - before;
        return new Inspection(cycles.BusyShare, cycles.CyclesPerFrame);
    }

    protected override async Task<IReadOnlyList<string>> ServeAsync(TestFolder folder, Settings settings)
    {
        _ovs = OpenVswitch.Create(folder);
        await _ovs.StartAsync(SwitchCore);
        var sockets = new List<string>();
        for (int i = 0; i < PortsIn(settings); i++)
            sockets.Add(await _ovs.AddServerPortAsync($"s{i}"));
        return sockets;
    }

    protected override ValueTask EndAsync() => _ovs?.DisposeAsync() ?? ValueTask.CompletedTask;

    private async Task<PmdCycles> CyclesAsync() => PmdCycles.In(await _ovs!.AskAsync(PmdCycles.Command));
}
