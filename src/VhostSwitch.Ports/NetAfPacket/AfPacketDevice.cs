using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.Packets;

namespace VhostSwitch.Ports.NetAfPacket;

/// <summary>A device of <see cref="AfPacketDriver"/>.</summary>
internal sealed class AfPacketDevice : PortDevice
{
    /// <summary>The most queue pairs.</summary>
    internal const int MaxQueuePairs = 16;

    /// <summary>The default of <c>blocksz</c>.</summary>
    internal const int DefaultBlockSize = 1 << 20;

    /// <summary>
    /// The default of <c>framesz</c>: 15 slots fill a block. A segment of 64 KiB with what the kernel says of it needs 65,700 bytes.
    /// </summary>
    internal const int DefaultSlotSize = 69_888;

    /// <summary>
    /// The default of <c>framecnt</c>, 16 blocks. The slots of large segments are large, so there are fewer of them than in DPDK (512).
    /// </summary>
    internal const int DefaultSlotCount = 240;

    private const int PageSize = 4096;
    private const int LeastSlotSize = 256;

    // A slot's number must fit into Frame.Token.
    private const int MostSlots = 65535;
    private const long MostMemory = 1L << 31;

    private static readonly (string Name, PacketFanout Mode)[] FanoutModes =
    [
        ("hash", PacketFanout.Hash), ("lb", PacketFanout.RoundRobin), ("cpu", PacketFanout.Cpu), ("rollover", PacketFanout.Rollover),
        ("rnd", PacketFanout.Random), ("qm", PacketFanout.QueueMapping),
    ];

    private readonly string _wanted;
    private readonly int _pairs;
    private readonly PacketFanout _fanout;
    private readonly bool _bypass;
    private readonly PacketRingShape _shape;
    private readonly InterfaceControl _control = new();
    private readonly List<PacketSocket> _sockets = [];
    private AfPacketInput[] _inputs = [];
    private MemoryMapping? _memory;
    private InterfaceState? _state;
    private string _status = "not open";
    private bool _wasUp;

    public AfPacketDevice(Vdev vdev, PortContext context)
        : base(vdev, context)
    {
        _wanted = vdev.Required("iface");
        _pairs = vdev.Number("qpairs", 1, 1, MaxQueuePairs);
        _bypass = vdev.Flag("qdisc_bypass", false);
        string mode = vdev.Text("fanout_mode") ?? FanoutNames[0];
        int at = Array.IndexOf(FanoutNames, mode);
        if (at < 0) throw vdev.Wrong($"fanout_mode={mode} was given; {string.Join(", ", FanoutNames)} are allowed");
        _fanout = FanoutModes[at].Mode;
        _shape = ReadShape(vdev);
    }

    /// <summary>The values of <c>fanout_mode</c>, the default first.</summary>
    internal static string[] FanoutNames { get; } = [.. FanoutModes.Select(m => m.Name)];

    /// <inheritdoc/>
    public override string Endpoint => _wanted;

    /// <inheritdoc/>
    public override MacAddress? Address => _state is { } state ? new MacAddress(state.Address) : null;

    /// <inheritdoc/>
    public override string Status => _status;

    /// <inheritdoc/>
    // Whatever the interface itself cannot do, the kernel does when it sends.
    public override IReadOnlyList<string> Offloads =>
        ["tx-checksum-ip-generic", "tx-tcp-segmentation", "tx-tcp-ecn-segmentation", "tx-tcp6-segmentation", "tx-udp-segmentation"];

    /// <inheritdoc/>
    public override void Check()
    {
        if (_sockets.Count > 0 && _control.NameOf(_state!.Value.Index) is null)
        {
            Release();
            SetStatus($"gone: the interface {_wanted} was deleted or moved away; it is taken up again when it is back");
        }
        if (_sockets.Count == 0)
        {
            TakeUp();
            return;
        }
        Look();
    }

    /// <inheritdoc/>
    protected override void Open()
    {
        FrameIo.Prepare();
        if (_control.IndexOf(_wanted) == 0)
            throw Vdev.Wrong($"there is no interface {_wanted}; there are {string.Join(", ", InterfaceControl.Names())}");
        try
        {
            Connect();
        }
        catch (LinuxException e)
        {
            throw Cannot(e);
        }
        _status = Describe(_wanted);
    }

    /// <inheritdoc/>
    protected override void Close()
    {
        Disconnect();
        _memory?.Dispose();
        _control.Dispose();
    }

    private static PacketRingShape ReadShape(Vdev vdev)
    {
        int block = vdev.Number("blocksz", DefaultBlockSize, PageSize, 64 << 20);
        int slot = vdev.Number("framesz", Math.Min(DefaultSlotSize, block), LeastSlotSize, 64 << 20);
        int count = vdev.Number("framecnt", DefaultSlotCount, Burst.MaxFrames, MostSlots);
        if (block % PageSize != 0) throw vdev.Wrong($"blocksz={block} was given; a multiple of {PageSize} is allowed");
        if (slot % PacketRingShape.Alignment != 0) throw vdev.Wrong($"framesz={slot} was given; a multiple of {PacketRingShape.Alignment} is allowed");
        if (slot > block)
            throw vdev.Wrong($"framesz={slot} was given; a frame must fit into a block of blocksz={block} bytes");
        var shape = new PacketRingShape(block, slot, count);
        if (shape.BlockCount * shape.SlotsPerBlock > MostSlots)
            throw vdev.Wrong($"framecnt={count} fills blocks of {shape.SlotsPerBlock} frames, which makes more than {MostSlots}; give a lower one");
        long memory = (long)shape.BlockCount * block;
        if (memory <= MostMemory) return shape;
        throw vdev.Wrong(
            $"framecnt={count} frames of framesz={slot} bytes need {memory >> 20} MiB of the kernel's memory; {MostMemory >> 20} MiB are allowed");
    }

    private PortException Cannot(LinuxException e) => e.Errno is Errno.EPERM or Errno.EACCES
        ? Vdev.Wrong("no right to open a packet socket, which needs CAP_NET_RAW: "
            + "run vhost-switch as root, or give the program the right by 'setcap cap_net_raw+ep'")
        : Vdev.Wrong($"the interface {_wanted} cannot be used: {e.Message}");

    private unsafe void Connect()
    {
        try
        {
            _state = _control.StateOf(_wanted) ?? throw new LinuxException(_wanted, Errno.ENODEV);
            if (!_state.Value.CarriesEthernet) throw new LinuxException($"{_wanted} carries no Ethernet frames", Errno.EINVAL);
            int group = 0;
            for (int i = 0; i < _pairs; i++)
            {
                var socket = new PacketSocket(_shape);
                _sockets.Add(socket);
                if (_bypass) socket.BypassQueueingDiscipline();
                socket.Bind(_state.Value.Index);
                if (_pairs == 1) continue;
                if (i == 0) group = socket.MakeGroup(_fanout);
                else socket.JoinGroup(group, _fanout);
            }
            _sockets[0].ReceiveEverything(_state.Value.Index);
        }
        catch
        {
            Disconnect();
            throw;
        }
        _wasUp = _state.Value.IsUp;
        _memory ??= Context.Memory.Take((nuint)(AfPacketOutput.MemoryLength * _pairs));
        _inputs = new AfPacketInput[_pairs];
        var outputs = new OutputQueue[_pairs];
        for (int i = 0; i < _pairs; i++)
        {
            _inputs[i] = new AfPacketInput(i, _sockets[i], InputCountersOf(i));
            outputs[i] = new AfPacketOutput(i, _sockets[i].Descriptor, _memory.Address + (i * AfPacketOutput.MemoryLength), OutputCountersOf(i));
        }
        Use([.. _inputs], outputs);
    }

    private void Disconnect()
    {
        foreach (var socket in _sockets)
            socket.Dispose();
        _sockets.Clear();
        _inputs = [];
        _state = null;
    }

    private void Release()
    {
        Use([], []);
        Disconnect();
    }

    private void TakeUp()
    {
        if (_control.IndexOf(_wanted) == 0) return;
        try
        {
            Connect();
            SetStatus(Describe(_wanted));
        }
        catch (LinuxException e)
        {
            SetStatus($"down: the interface {_wanted} is back and cannot be used ({e.Message})");
        }
    }

    private void Look()
    {
        // By its number: it may have been given another name.
        if (_control.NameOf(_state!.Value.Index) is not { } name || _control.StateOf(name) is not { } state) return;
        _state = state;
        for (int i = 0; i < _sockets.Count; i++)
        {
            if (_sockets[i].TakeDrops() is var drops and > 0) _inputs[i].AddOverruns(drops);
            if (state.IsUp && !_wasUp) _sockets[i].TakeError();
        }
        _wasUp = state.IsUp;
        SetStatus(Describe(name));
    }

    private string Describe(string name)
    {
        var state = _state!.Value;
        string renamed = name == _wanted ? "" : $", now named {name}";
        if (!state.IsUp) return $"down: {_wanted}{renamed} is set down (ip link set {name} up)";
        if (!state.HasCarrier) return $"down: {_wanted}{renamed} has no carrier: nothing is connected to it, or the other end is down";
        string pairs = _pairs == 1 ? "" : $", {_pairs} queue pairs";
        return $"up: {_wanted}{renamed}, MTU {state.Mtu}{pairs}";
    }

    private void SetStatus(string text)
    {
        if (text == _status) return;
        _status = text;
        Note(text);
    }
}
