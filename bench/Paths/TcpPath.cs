using VhostSwitch.Interop.Rig;

namespace VhostSwitch.Bench.Paths;

/// <summary>The processor time of a switch for one measurement, in nanoseconds.</summary>
/// <param name="Working">What counts: without the rounds of a thread that polls for ever and found nothing.</param>
/// <param name="Whole">All of its process.</param>
internal readonly record struct SwitchTime(double Working, double Whole);

/// <summary>A way from one Linux guest to another that takes unfinished checksums and large segments.</summary>
internal abstract class TcpPath(string name, string what) : IAsyncDisposable
{
    public string Name { get; } = name;

    /// <summary>One line for the report: what it is and how it was started.</summary>
    public string What { get; } = what;

    /// <summary>Starts it.</summary>
    public abstract Task StartAsync(TestFolder folder);

    /// <summary>Gives a guest its network device.</summary>
    /// <param name="guest">The guest.</param>
    /// <param name="index">0 or 1.</param>
    /// <param name="mac">The device's address.</param>
    public abstract QemuGuestOptions Connect(QemuGuestOptions guest, int index, string mac);

    /// <summary>Begins to count its processor time.</summary>
    public abstract Task BeginAsync();

    /// <summary>The time since <see cref="BeginAsync"/>.</summary>
    public abstract Task<SwitchTime> EndAsync();

    public abstract ValueTask DisposeAsync();
}

/// <summary>The shipped program, offering what lets large segments pass; everything else is as by default, so its poll thread sleeps when idle.</summary>
internal sealed class OursTcp() : TcpPath(
    "vhost-switch", "this switch: learning bridge, --mergeable 1 --tx-csum 1 --tso 1, one poll thread; counted: all threads of its process")
{
    private readonly string[] _sockets = new string[2];
    private SwitchProcess? _process;
    private long _begin;

    public override async Task StartAsync(TestFolder folder)
    {
        for (int i = 0; i < _sockets.Length; i++)
            _sockets[i] = folder.File($"s{i}");
        var options = new SwitchOptions { Sockets = _sockets, Cores = $"{Contender.SwitchCore}", Mergeable = true, TxChecksum = true, Tso = true };
        _process = SwitchProcess.Start(folder, options);
        await _process.WaitUntilServingAsync();
    }

    public override QemuGuestOptions Connect(QemuGuestOptions guest, int index, string mac) =>
        guest with { Nics = [new GuestNic(_sockets[index], mac)] };

    public override Task BeginAsync()
    {
        _begin = ProcessorTime.OfProcess(_process!.Pid);
        return Task.CompletedTask;
    }

    public override Task<SwitchTime> EndAsync()
    {
        double time = ProcessorTime.OfProcess(_process!.Pid) - _begin;
        return Task.FromResult(new SwitchTime(time, time));
    }

    public override ValueTask DisposeAsync() => _process?.DisposeAsync() ?? ValueTask.CompletedTask;
}

/// <summary>Open vSwitch with DPDK and its segmentation offload. Its thread polls for ever; of its time only what it calls processing counts.</summary>
internal sealed class OpenVswitchTcp() : TcpPath(
    "Open vSwitch",
    "Open vSwitch with DPDK, NORMAL bridge, userspace-tso-enable, two dpdkvhostuserclient ports, one PMD thread; " +
    "counted: the PMD thread's time by its own share of processing cycles")
{
    private readonly string[] _sockets = new string[2];
    private OpenVswitch? _ovs;
    private Reading _begin;

    public override async Task StartAsync(TestFolder folder)
    {
        _ovs = OpenVswitch.Create(folder);
        await _ovs.StartAsync(Contender.SwitchCore, segmentation: true, HugePages.FolderWith(OpenVswitch.MemoryMiB));
        for (int i = 0; i < _sockets.Length; i++)
        {
            _sockets[i] = folder.File($"s{i}");
            await _ovs.AddClientPortAsync($"port{i}", _sockets[i]);
        }
    }

    // Version 3.1 with segmentation offload: through ports that serve sockets no TCP connection comes about, through those that connect it does.
    public override QemuGuestOptions Connect(QemuGuestOptions guest, int index, string mac) =>
        guest with { Nics = [new GuestNic(_sockets[index], mac) { Server = true }] };

    public override async Task BeginAsync() => _begin = await ReadAsync();

    public override async Task<SwitchTime> EndAsync()
    {
        var end = await ReadAsync();
        return new SwitchTime((end.Thread - _begin.Thread) * (end.Cycles - _begin.Cycles).BusyShare, end.Process - _begin.Process);
    }

    public override ValueTask DisposeAsync() => _ovs?.DisposeAsync() ?? ValueTask.CompletedTask;

    private async Task<Reading> ReadAsync()
    {
        var cycles = PmdCycles.In(await _ovs!.AskAsync(PmdCycles.Command));
        return new Reading(cycles, ProcessorTime.OfThreads(_ovs.Pid, "pmd"), ProcessorTime.OfProcess(_ovs.Pid));
    }

    private readonly record struct Reading(PmdCycles Cycles, long Thread, long Process);
}

/// <summary>QEMU's tap back-end on the kernel's bridge: no switch process at all, the work is done in system calls of QEMU's main threads.</summary>
internal sealed class KernelBridge() : TcpPath(
    "Linux bridge", "QEMU's own tap back-end, vhost=off, on a bridge of the kernel in a namespace; its work is in QEMU's main threads")
{
    private const string Bridge = "bridge0";

    private NetworkNamespace? _namespace;

    public override async Task StartAsync(TestFolder folder)
    {
        _namespace = await NetworkNamespace.CreateAsync();
        await _namespace.IpHereAsync($"link add {Bridge} type bridge");
        await _namespace.IpHereAsync($"link set dev {Bridge} up");
        for (int i = 0; i < 2; i++)
        {
            await _namespace.IpHereAsync($"tuntap add dev tap{i} mode tap vnet_hdr");
            await _namespace.IpHereAsync($"link set dev tap{i} master {Bridge} up");
        }
    }

    public override QemuGuestOptions Connect(QemuGuestOptions guest, int index, string mac) => guest with
    {
        Namespace = _namespace,
        MoreArguments =
        [
            "-netdev", $"tap,id=net0,ifname=tap{index},script=no,downscript=no,vhost=off",
            "-device", $"virtio-net-pci,netdev=net0,mac={mac},romfile=,vectors=0",
        ],
    };

    public override Task BeginAsync() => Task.CompletedTask;

    public override Task<SwitchTime> EndAsync() => Task.FromResult(default(SwitchTime));

    public override ValueTask DisposeAsync() => _namespace?.DisposeAsync() ?? ValueTask.CompletedTask;
}
