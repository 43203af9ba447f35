using System.Runtime.InteropServices;
using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.Packets;

namespace VhostSwitch.Ports.NetAfXdp;

/// <summary>
/// A device of <see cref="AfXdpDriver"/>: connects to its interface, and again whenever the interface is back or another's program is gone.
/// </summary>
internal sealed unsafe class AfXdpDevice : PortDevice
{
    // More queues than interfaces have, and their memory an int still.
    private const int MostQueues = 64;
    private const int LastQueue = 1023;
    private const int MostBusyBudget = 65535;

    // A pair of interfaces of the kernel's, which hands a tag on as its sender left it.
    private const string VethDriver = "veth";

    // What an interface's ring descriptor, and not the frame, says of a tag that it has taken off is not to be had by AF_XDP.
    private const string TakesTagsOff = "rx-vlan-hw-parse";

    private readonly InterfaceControl _control = new();
    private readonly Ethtool _ethtool = new(new EthtoolSocket());

    // What the user chose.
    private readonly string _interface;
    private readonly int _startQueue;
    private readonly int _queueCount;
    private readonly int _busyBudget;
    private readonly bool _forceCopy;
    private readonly AttachMode _mode;
    private readonly PoolSteering _steering;

    // Kept from one connection to the next.
    private MemoryMapping? _memory;
    private string _status = "waiting to be opened";

    // The connection; the queues are empty without one.
    private InterfaceState _at;
    private XdpProgram? _program;
    private FileDescriptor? _allAddresses;
    private AfXdpQueue[] _queues = [];
    private AfXdpOutput[] _outputs = [];
    private ulong[] _overruns = [];
    private string _way = "";
    private string _tags = "";

    public AfXdpDevice(Vdev vdev, PortContext context)
        : base(vdev, context)
    {
        _interface = vdev.Required("iface");
        _startQueue = vdev.Number("start_queue", 0, 0, LastQueue);
        _queueCount = vdev.Number("queue_count", 1, 1, MostQueues);
        _busyBudget = vdev.Number("busy_budget", 0, 0, MostBusyBudget);
        _forceCopy = vdev.Flag("force_copy", false);
        _mode = vdev.Text("mode") switch
        {
            null or "auto" => AttachMode.Auto,
            "native" => AttachMode.Native,
            "skb" => AttachMode.Generic,
            var text => throw vdev.Wrong($"mode={text} was given, auto, native or skb is allowed"),
        };
        _steering = new PoolSteering(_ethtool, _interface, _startQueue, _queueCount);
    }

    private enum AttachMode
    {
        Auto,
        Native,
        Generic,
    }

    /// <inheritdoc/>
    public override string Endpoint => _interface;

    /// <inheritdoc/>
    public override MacAddress? Address => _queues.Length > 0 ? new MacAddress(_at.Address) : null;

    /// <inheritdoc/>
    public override string Status => _status;

    /// <inheritdoc/>
    public override void Check()
    {
        string status;
        try
        {
            status = Look();
        }
        catch (LinuxException e)
        {
            Disconnect();
            status = $"waiting: {AfXdpSentences.Of(e, _interface)}";
        }
        if (status == _status) return;
        _status = status;
        Note(status);
    }

    /// <inheritdoc/>
    public override Steering Steer(IReadOnlyCollection<Pool> pools) =>
        _queues.Length > 0 ? _steering.Follow(pools) : new Steering(false, $"{_interface} is not connected");

    /// <inheritdoc/>
    protected override void Open()
    {
        if (AfXdpSentences.OfMissingLibrary() is { } missing) throw Vdev.Wrong(missing);
        if (_control.StateOf(_interface) is not { } now) throw Vdev.Wrong(AfXdpSentences.OfMissingInterface(_interface));
        if (MissingQueues() is { } queues) throw Vdev.Wrong(queues);
        // Resolved here, since a poll thread must not allocate for its first call.
        XdpSocket.WakeTransmit(-1);
        XdpSocket.WakeReceive(-1);
        try
        {
            _memory = Context.Memory.Take((nuint)_queueCount * AfXdpQueue.MemoryLength);
            Connect(now);
            _status = Describe(now);
        }
        catch (LinuxException e)
        {
            Disconnect();
            // Somebody else's program or socket may go; all the rest is for the user to change.
            if (e.Errno is not (Errno.EBUSY or Errno.EEXIST)) throw Vdev.Wrong(AfXdpSentences.Of(e, _interface));
            _status = $"waiting: {AfXdpSentences.Of(e, _interface)}";
        }
    }

    /// <inheritdoc/>
    protected override void Close()
    {
        Disconnect();
        _memory?.Dispose();
        _control.Dispose();
    }

    private string Look()
    {
        if (_control.StateOf(_interface) is not { } now)
        {
            Disconnect();
            return $"waiting: there is no interface {_interface} any more; the port goes on when it is back";
        }
        if (_program is { } program && (now.Index != _at.Index || XdpProgram.AttachedTo(now.Index) != program.Id)) Disconnect();
        if (_program is null)
        {
            if (MissingQueues() is { } queues) return $"waiting: {queues}";
            Connect(now);
        }
        CountOverruns();
        foreach (var output in _outputs)
            output.Set(!now.IsUp || !now.HasCarrier, now.Mtu);
        _at = now;
        return Describe(now);
    }

    private string Describe(InterfaceState now)
    {
        if (!now.IsUp) return $"down: {_interface} is down; ip link set {_interface} up";
        if (!now.HasCarrier) return $"down: {_interface} has no carrier: nobody is at the other end, or it is down";
        return $"up: {_interface}, {Queues()}, {_way}{_tags}";
    }

    private string Queues()
    {
        if (_ethtool.Queues(_interface) is not { } there || there.Now <= _queueCount) return _queueCount == 1 ? "1 queue" : $"{_queueCount} queues";
        return $"{_queueCount} of its {there.Now} queues (frames that arrive at others stay with the kernel: queue_count={there.Now} takes all)";
    }

    private string? MissingQueues()
    {
        int needed = _startQueue + _queueCount;
        if (_ethtool.Queues(_interface) is not { } there || there.Now == 0 || there.Now >= needed) return null;
        return $"{_interface} has {there.Now} of the {needed} queues that start_queue={_startQueue} and queue_count={_queueCount} need"
            + (there.Most >= needed ? $"; ethtool -L {_interface} combined {needed} (or rx {needed} tx {needed}) adds some"
                : "; it cannot have more");
    }

    private string Tags() => _ethtool.Driver(_interface) != VethDriver && _ethtool.ActiveFeatures(_interface).Contains(TakesTagsOff)
        ? $"; {_interface} takes VLAN tags off frames, and they are lost: ethtool -K {_interface} rxvlan off"
        : "";

    private void Connect(InterfaceState now)
    {
        _at = now;
        _program = new XdpProgram(_startQueue + _queueCount);
        bool native = Attach(_program, now.Index, out string attached);
        _allAddresses = InterfaceControl.ReceiveEverything(now.Index);
        string copied = OpenQueues(native);
        _way = attached.Length == 0 ? copied : $"{attached}, {copied}";
        _tags = Tags();
        _overruns = new ulong[_queueCount];
        var inputs = new InputQueue[_queueCount];
        _outputs = new AfXdpOutput[_queueCount];
        for (int i = 0; i < _queueCount; i++)
        {
            inputs[i] = new AfXdpInput(_queues[i], i, InputCountersOf(i));
            _outputs[i] = new AfXdpOutput(_queues[i], i, OutputCountersOf(i));
            _outputs[i].Set(!now.IsUp || !now.HasCarrier, now.Mtu);
        }
        Use(inputs, _outputs);
        // Last: from here on frames arrive.
        for (int i = 0; i < _queueCount; i++)
            _program.Direct(_startQueue + i, _queues[i].Socket.Descriptor);
    }

    private bool Attach(XdpProgram program, int index, out string way)
    {
        way = "";
        if (_mode != AttachMode.Generic)
        {
            try
            {
                program.Attach(index, native: true);
                return true;
            }
            catch (LinuxException e) when (_mode == AttachMode.Auto && e.Errno is not (Errno.EPERM or Errno.EACCES or Errno.EBUSY or Errno.EEXIST))
            {
                way = $" (native mode refused: {Marshal.GetPInvokeErrorMessage(e.Errno)})";
            }
        }
        program.Attach(index, native: false);
        way = "generic mode" + way;
        return false;
    }

    private string OpenQueues(bool native)
    {
        string refused = "";
        // Behind a generic program no frame comes to a zero-copy socket.
        if (native && !_forceCopy)
        {
            try
            {
                OpenQueuesWith(zeroCopy: true);
                return "zero copy";
            }
            catch (LinuxException e) when (e.Errno is not (Errno.EPERM or Errno.EACCES or Errno.ENOBUFS))
            {
                refused = $" (zero copy refused: {Marshal.GetPInvokeErrorMessage(e.Errno)})";
            }
        }
        OpenQueuesWith(zeroCopy: false);
        return "copy mode" + refused;
    }

    private void OpenQueuesWith(bool zeroCopy)
    {
        var queues = new List<AfXdpQueue>();
        try
        {
            for (int i = 0; i < _queueCount; i++)
            {
                byte* memory = _memory!.Address + ((nint)i * AfXdpQueue.MemoryLength);
                queues.Add(new AfXdpQueue(_interface, _startQueue + i, memory, zeroCopy, _busyBudget));
            }
        }
        catch
        {
            foreach (var queue in queues)
                queue.Dispose();
            throw;
        }
        _queues = [.. queues];
    }

    private void Disconnect()
    {
        CountOverruns();
        _steering.Clear();
        Use([], []);
        _program?.Dispose();
        _program = null;
        foreach (var queue in _queues)
            queue.Dispose();
        _queues = [];
        _outputs = [];
        _allAddresses?.Dispose();
        _allAddresses = null;
    }

    // This counter has one writer, which is the control thread: no poll thread counts for this reason.
    private void CountOverruns()
    {
        for (int i = 0; i < _outputs.Length; i++)
        {
            var statistics = _queues[i].Socket.Statistics();
            ulong now = statistics.Dropped + statistics.RingFull;
            InputCountersOf(i).Counters->Drop(DropReason.InterfaceOverrun, (uint)(now - _overruns[i]));
            _overruns[i] = now;
        }
    }
}
