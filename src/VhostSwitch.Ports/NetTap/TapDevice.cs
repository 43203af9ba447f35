using System.Globalization;
using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.Packets;

namespace VhostSwitch.Ports.NetTap;

/// <summary>A device of <see cref="TapDriver"/>.</summary>
internal sealed class TapDevice : PortDevice
{
    /// <summary>The most queues: each has 2 MiB for the frames of a burst.</summary>
    internal const int MaxQueues = 16;

    private const string DefaultName = "dtap%d";
    private const int LeastMtu = 68;
    private const int MostMtu = 65521;
    private const int CacheLine = 64;

    // DPDK's: "dtap" in ASCII, and the number of the device in the last byte.
    private const ulong FixedAddress = 0x00_70_61_74_64_00;

    private readonly string _pattern;
    private readonly MacAddress? _wantedAddress;
    private readonly bool _persist;
    private readonly int _queueCount;
    private readonly int _wantedMtu;
    private readonly bool _offload;
    private readonly InterfaceControl _home = new();
    private MemoryMapping? _memory;
    private TapInterface? _tap;
    private InterfaceState? _state;
    private string _name;
    private string _status = "not open";
    private bool _isOurs;

    public TapDevice(Vdev vdev, PortContext context)
        : base(vdev, context)
    {
        _pattern = _name = vdev.Text("iface") ?? DefaultName;
        if (!InterfaceControl.IsName(_pattern))
            throw vdev.Wrong($"iface={_pattern} was given; an interface's name has 1 to {InterfaceControl.MaxNameLength} bytes without spaces, '/' and ':'");
        if (_pattern.Contains('%', StringComparison.Ordinal)
            && (_pattern.Count(c => c == '%') != 1 || !_pattern.EndsWith("%d", StringComparison.Ordinal)))
            throw vdev.Wrong($"iface={_pattern} was given; a name may have %d at its end, for the first number that is free, and no other %");
        _wantedAddress = ReadAddress(vdev);
        _persist = vdev.Flag("persist", false);
        _queueCount = vdev.Number("queues", 1, 1, MaxQueues);
        _wantedMtu = vdev.Number("mtu", 0, LeastMtu, MostMtu);
        _offload = vdev.Flag("offload", true);
    }

    /// <inheritdoc/>
    public override string Endpoint => _name;

    /// <inheritdoc/>
    public override MacAddress? Address => _state is { } state ? new MacAddress(state.Address) : null;

    /// <inheritdoc/>
    public override string Status => _status;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Offloads =>
        _offload ? ["tx-checksum-ip-generic", "tx-tcp-segmentation", "tx-tcp-ecn-segmentation", "tx-tcp6-segmentation"] : [];

    /// <inheritdoc/>
    public override void Check()
    {
        if (_tap is not null && !_tap.Look(_home, out _state)) Abandon();
        if (_tap is null && !Reopen()) return;
        SetStatus(Describe());
    }

    /// <inheritdoc/>
    protected override void Open()
    {
        FrameIo.Prepare();
        bool existed = _home.IndexOf(_name) != 0;
        try
        {
            _tap = TapInterface.Open(_name, _queueCount, Work);
        }
        catch (LinuxException e)
        {
            throw Cannot(e, existed);
        }
        _isOurs = !existed;
        _name = _tap.Name;
        try
        {
            Configure();
        }
        catch (LinuxException e)
        {
            throw Vdev.Wrong($"{e.Message}; {Right}");
        }
        Serve();
        _status = Describe();
    }

    /// <inheritdoc/>
    protected override void Close()
    {
        _tap?.Dispose();
        _memory?.Dispose();
        _home.Dispose();
    }

    private static string Right => "that needs CAP_NET_ADMIN: run vhost-switch as root, or give the program the right by 'setcap cap_net_admin+ep'";

    private TapOffloads Work => _offload ? TapOffloads.Checksum | TapOffloads.Tcp4 | TapOffloads.Tcp6 | TapOffloads.TcpEcn : TapOffloads.None;

    private static MacAddress? ReadAddress(Vdev vdev)
    {
        if (vdev.Text("mac") is not { } text) return null;
        if (text == "fixed")
        {
            byte.TryParse(vdev.Name.AsSpan(vdev.Driver.NameIn(vdev.Name)?.Length ?? 0), NumberStyles.None, CultureInfo.InvariantCulture, out byte number);
            return new MacAddress(FixedAddress | ((ulong)number << 40));
        }
        if (!MacAddress.TryParse(text, out var address) || address.IsGroup || address.Value == 0)
            throw vdev.Wrong($"mac={text} was given; 'fixed' is allowed, or an address of one station as in 02:00:00:00:00:01");
        return address;
    }

    // The sentence for an interface that cannot be opened at all.
    private PortException Cannot(LinuxException e, bool existed) => e.Errno switch
    {
        Errno.EPERM or Errno.EACCES => Vdev.Wrong($"no right to {(existed ? "open" : "make")} the TAP interface {_name}: {Right}, "
            + "or prepare an interface for your user by "
            + $"'ip tuntap add dev {_name.Replace("%d", "0", StringComparison.Ordinal)} "
            + $"mode tap user NAME{(_queueCount > 1 ? " multi_queue" : "")} vnet_hdr'"),
        Errno.ENOENT or Errno.ENODEV or Errno.ENXIO => Vdev.Wrong($"there is no {TapDescriptor.Device}: load the kernel's module by 'modprobe tun'"),
        Errno.EBUSY => Vdev.Wrong($"the TAP interface {_name} is in use by another program, or has no queue left: give iface= another name"),
        Errno.EINVAL when existed => Vdev.Wrong($"the interface {_name} exists and is no TAP interface "
            + $"with {(_queueCount > 1 ? "several queues (multi_queue)" : "one queue")}: "
            + "give queues= as it was made, or iface= another name"),
        _ => Vdev.Wrong($"the TAP interface {_name} cannot be opened: {e.Message}"),
    };

    // An interface that a user without rights was given is as its giver set it up.
    private void Configure()
    {
        if (_persist) TapDescriptor.SetPersistent(_tap!.Queues[0]);
        if (!_tap!.Look(_home, out _state) || _state is not { } state) return;
        if (_wantedAddress is { } address && address.Value != state.Address) _home.SetAddress(_name, address.Value);
        if (_wantedMtu != 0 && _wantedMtu != state.Mtu) _home.SetMtu(_name, _wantedMtu);
        if (!state.IsUp)
        {
            try
            {
                _home.SetUp(_name);
            }
            catch (LinuxException e) when (e.Errno == Errno.EPERM)
            {
                // The status says what to do.
            }
        }
        _tap.Look(_home, out _state);
    }

    private unsafe void Serve()
    {
        int share = Align(TapInput.MemoryLength) + Align(TapOutput.MemoryLength);
        _memory ??= Context.Memory.Take((nuint)(share * _queueCount));
        var inputs = new InputQueue[_queueCount];
        var outputs = new OutputQueue[_queueCount];
        for (int i = 0; i < _queueCount; i++)
        {
            byte* own = _memory.Address + (i * share);
            int descriptor = _tap!.Queues[i].Number;
            inputs[i] = new TapInput(i, descriptor, own, InputCountersOf(i));
            outputs[i] = new TapOutput(i, descriptor, _offload, own + Align(TapInput.MemoryLength), OutputCountersOf(i));
        }
        Use(inputs, outputs);
    }

    private void Abandon()
    {
        Use([], []);
        _tap!.Dispose();
        _tap = null;
        _state = null;
        SetStatus($"gone: the interface {_name} was deleted");
    }

    private bool Reopen()
    {
        if (!_isOurs && _home.IndexOf(_name) == 0)
        {
            SetStatus($"gone: the interface {_name} was deleted; it is taken up again when it is back");
            return false;
        }
        try
        {
            _tap = TapInterface.Open(_name, _queueCount, Work);
            _name = _tap.Name;
            Configure();
        }
        catch (LinuxException e)
        {
            _tap?.Dispose();
            _tap = null;
            SetStatus($"gone: the interface {_name} was deleted and cannot be made anew ({e.Message})");
            return false;
        }
        Serve();
        return true;
    }

    private string Describe()
    {
        _name = _tap!.Name;
        string place = _tap.IsElsewhere ? " in another network namespace" : "";
        if (_state is not { } state) return $"up: {_name}{place}";
        if (!state.IsUp) return $"down: {_name}{place} is set down (ip link set {_name} up)";
        string queues = _queueCount == 1 ? "" : $", {_queueCount} queues";
        return $"up: {_name}{place}, MTU {state.Mtu}{queues}";
    }

    private void SetStatus(string text)
    {
        if (text == _status) return;
        _status = text;
        Note(text);
    }

    private static int Align(int length) => (length + CacheLine - 1) / CacheLine * CacheLine;
}
