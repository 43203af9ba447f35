using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.Packets;
using VhostSwitch.Virtio;

namespace VhostSwitch.Ports.NetVirtioUser;

/// <summary>A device of <see cref="VirtioUserDriver"/>: the front-end of whatever back-end its path leads to.</summary>
internal sealed class VirtioUserDevice : PortDevice
{
    private const string NotOpen = "not open";

    private readonly VirtioUserArguments _arguments;
    private VirtioUserQueues? _queues;
    private BackEndLink? _link;
    private bool _isUp;
    private string? _fault;
    private string _status = NotOpen;

    public VirtioUserDevice(Vdev vdev, PortContext context)
        : base(vdev, context) => _arguments = VirtioUserArguments.Read(vdev);

    /// <inheritdoc/>
    public override string Endpoint => _link?.Endpoint ?? _arguments.Path;

    /// <inheritdoc/>
    public override MacAddress? Address => _arguments.Mac;

    /// <inheritdoc/>
    public override string Status => _status;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Offloads => _isUp ? DriverOffloads.Describe(_queues!.Features) : [];

    /// <inheritdoc/>
    public override void Check()
    {
        _link!.Check();
        if (_isUp && _fault is null && _queues!.Fault is { } fault) Break(fault);
        SetStatus(Describe());
    }

    /// <inheritdoc/>
    protected override void Open()
    {
        bool kernel = _arguments.IsKernel(Vdev);
        int pairs = _arguments.Queues;
        try
        {
            _queues = new VirtioUserQueues(_arguments, Context.Memory, Counters(pairs, InputCountersOf), Counters(pairs, OutputCountersOf));
        }
        catch (LinuxException e)
        {
            throw Vdev.Wrong($"{e.Message}; it needs memory for {pairs} queue pairs of {_arguments.QueueSize} entries: give fewer");
        }
        _link = kernel
            ? new VhostKernelLink(new DeviceControl(), _arguments, _queues.Begin)
            : new VhostUserLink(Context.Loop, _arguments.Path, _arguments.Server, _queues.Begin);
        _link.Up += TakeUp;
        _link.Down += GiveUp;
        try
        {
            _link.Open();
        }
        catch (PortException e)
        {
            throw Vdev.Wrong(e.Message);
        }
        _status = Describe();
    }

    /// <inheritdoc/>
    protected override void Close()
    {
        _link?.Dispose();
        _queues?.Dispose();
    }

    private static CounterBlock[] Counters(int pairs, Func<int, CounterBlock> of) => [.. Enumerable.Range(0, pairs).Select(of)];

    private void TakeUp()
    {
        _fault = null;
        _isUp = true;
        Use(_queues!.Inputs, _queues.Outputs);
        SetStatus(Describe());
    }

    private void GiveUp()
    {
        _isUp = false;
        Use([], []);
        SetStatus(Describe());
    }

    private void Break(string fault)
    {
        _fault = fault;
        Use([], []);
    }

    private string Describe()
    {
        if (!_isUp) return _link!.Description;
        if (_fault is not null) return $"broken: {_fault}; {_link!.Description} gets no new rings before it comes anew";
        string kind = (_queues!.Features & Features.RingPacked) != 0 ? "packed" : "split";
        string pairs = _queues.Pairs == 1 ? "1 queue pair" : $"{_queues.Pairs} queue pairs";
        if (_queues.Pairs < _arguments.Queues) pairs += $" of {_arguments.Queues}, since it has no more";
        string speed = _arguments.Speed == 0 ? "" : $", {_arguments.Speed} Mbit/s";
        return $"up: {_link!.Description}, {kind} rings of {_arguments.QueueSize}, {pairs}{speed}";
    }

    private void SetStatus(string text)
    {
        if (text == _status) return;
        // Whoever opens the device asks how it is.
        bool isNews = _status != NotOpen;
        _status = text;
        if (isNews) Note(text);
    }
}
