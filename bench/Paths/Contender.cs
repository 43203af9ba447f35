using VhostSwitch.Interop.Rig;
using VhostSwitch.Packets;
using VhostSwitch.VirtioUser;

namespace VhostSwitch.Bench.Paths;

/// <summary>A switch to be measured: started on a core of its own, with sockets for two guests.</summary>
internal abstract class Contender(string name, string what) : IAsyncDisposable
{
    /// <summary>The core every contender polls on; the load has the other one.</summary>
    public const int SwitchCore = 0;

    public string Name { get; } = name;

    /// <summary>One line for the report: what it is and how it was started.</summary>
    public string What { get; protected set; } = what;

    /// <summary>Starts it.</summary>
    /// <returns>The sockets of the two guests.</returns>
    public abstract Task<(string First, string Second)> StartAsync(TestFolder folder, bool mergeable);

    /// <summary>What it says of itself while the load runs; null where there is nothing to say.</summary>
    public virtual Task<Inspection?> InspectAsync() => Task.FromResult<Inspection?>(null);

    public abstract ValueTask DisposeAsync();
}

/// <summary>What our switch tells of itself.</summary>
internal sealed record Inspection(double BusyShare, int Collections, long AllocatedBytes, long Drops, ulong Frames);

/// <summary>The shipped program with its default options, and a third port that is attached and idle.</summary>
internal sealed class Ours() : Contender("vhost-switch", "this switch: learning bridge, one poll thread, three ports, default options")
{
    private SwitchProcess? _process;
    private VhostSwitch.VirtioUser.VirtioUserPort? _idlePort;

    public override async Task<(string First, string Second)> StartAsync(TestFolder folder, bool mergeable)
    {
        string[] sockets = [folder.File("a"), folder.File("b"), folder.File("idle")];
        var options = new SwitchOptions { Sockets = sockets, Cores = $"{SwitchCore}", Mode = "bridge", Mergeable = mergeable ? true : null };
        _process = SwitchProcess.Start(folder, options);
        await _process.WaitUntilServingAsync();
        _idlePort = new VhostSwitch.VirtioUser.VirtioUserPort(new VirtioUserOptions { Path = sockets[2], Mac = MacAddress.Parse("02:00:00:00:00:03") });
        _idlePort.Start();
        return (sockets[0], sockets[1]);
    }

    public override async Task<Inspection?> InspectAsync()
    {
        using var document = await _process!.ShowAsync();
        var thread = document.RootElement.GetProperty("poll_threads")[0];
        long drops = document.RootElement.GetProperty("ports").EnumerateArray().Sum(p => p.GetProperty("drops_total").GetInt64());
        return new Inspection(thread.GetProperty("busy_share").GetDouble(), thread.GetProperty("gc_collections").GetInt32(),
            thread.GetProperty("allocated_bytes").GetInt64(), drops, thread.GetProperty("frames").GetUInt64());
    }

    public override async ValueTask DisposeAsync()
    {
        _idlePort?.Dispose();
        if (_process is not null) await _process.DisposeAsync();
    }
}

/// <summary>DPDK's testpmd with two net_vhost ports: forwards from one to the other without looking at a frame.</summary>
internal sealed class TestpmdIo() : Contender("testpmd io", "DPDK testpmd, two net_vhost ports, io forwarding: looks nothing up")
{
    private Testpmd? _testpmd;

    public override async Task<(string First, string Second)> StartAsync(TestFolder folder, bool mergeable)
    {
        string first = folder.File("a"), second = folder.File("b");
        _testpmd = Testpmd.Start(folder, new TestpmdOptions
        {
            Title = "testpmd io",
            Core = SwitchCore,
            ForwardMode = "io",
            HugePages = true,
            Ports = [new NetVhostPort(first), new NetVhostPort(second)],
        });
        await _testpmd.WaitUntilReadyAsync();
        await _testpmd.StartForwardingAsync();
        return (first, second);
    }

    public override ValueTask DisposeAsync() => _testpmd?.DisposeAsync() ?? ValueTask.CompletedTask;
}

/// <summary>Open vSwitch with DPDK: one bridge with NORMAL forwarding, one PMD thread.</summary>
internal sealed class OpenVswitchNormal() : Contender("Open vSwitch", "Open vSwitch with DPDK, NORMAL bridge, two dpdkvhostuser ports, one PMD thread")
{
    private OpenVswitch? _ovs;

    public override async Task<(string First, string Second)> StartAsync(TestFolder folder, bool mergeable)
    {
        _ovs = OpenVswitch.Create(folder);
        await _ovs.StartAsync(SwitchCore);
        return (await _ovs.AddServerPortAsync("a"), await _ovs.AddServerPortAsync("b"));
    }

    public override ValueTask DisposeAsync() => _ovs?.DisposeAsync() ?? ValueTask.CompletedTask;
}
