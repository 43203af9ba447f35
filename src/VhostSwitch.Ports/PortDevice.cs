using VhostSwitch.Dataplane;
using VhostSwitch.Packets;

namespace VhostSwitch.Ports;

/// <summary>
/// A device of a driver as a port of the switch. It outlives what it stands for: an interface that goes away leaves a port whose status
/// says so, and which takes up work again when the interface is back. Lives on the control thread.
/// </summary>
public abstract class PortDevice : IDisposable
{
    private readonly PortContext _context;
    private readonly SortedDictionary<int, CounterBlock> _inputCounters = [];
    private readonly SortedDictionary<int, CounterBlock> _outputCounters = [];

    // What is in use, each output with what stands before it.
    private InputQueue[] _inputs = [];
    private OutputQueue[] _outputs = [];
    private Dictionary<OutputQueue, OutputQueue> _outward = [];
    private uint? _longest;

    /// <summary>Makes a device that is not attached.</summary>
    /// <param name="vdev">Its name and arguments.</param>
    /// <param name="context">What it works in.</param>
    protected PortDevice(Vdev vdev, PortContext context)
    {
        Vdev = vdev;
        _context = context;
        Port = new Port(vdev.PortName);
    }

    /// <summary>Its name and arguments.</summary>
    public Vdev Vdev { get; }

    /// <summary>The port.</summary>
    public Port Port { get; }

    /// <summary>What it stands for, for people: an interface, a file.</summary>
    public abstract string Endpoint { get; }

    /// <summary>Its own address; null where it has none.</summary>
    public abstract MacAddress? Address { get; }

    /// <summary>One line that answers "why does no frame flow?"; begins with <c>up</c> when frames can.</summary>
    public abstract string Status { get; }

    /// <summary>What may be left undone in frames that it is given or gives, by the names of <c>ethtool</c>; empty where nothing may.</summary>
    public virtual IReadOnlyList<string> Offloads => [];

    /// <summary>The counters of its inputs by queue. They outlive the queues.</summary>
    public IReadOnlyDictionary<int, CounterBlock> InputCounters => _inputCounters;

    /// <summary>The counters of its outputs by queue.</summary>
    public IReadOnlyDictionary<int, CounterBlock> OutputCounters => _outputCounters;

    /// <summary>Told what people should read of: a change of the status, something refused.</summary>
    public event Action<string>? Noted;

    /// <summary>Attaches the port and opens the device.</summary>
    /// <param name="attached">Called in between: the port has its id, and no queue yet.</param>
    /// <exception cref="PortException">The device cannot be opened, and waiting would not help.</exception>
    public void Start(Action? attached = null)
    {
        _context.DataPlane.Attach(Port);
        attached?.Invoke();
        Open();
    }

    /// <summary>Looks how the device is, about once a second: gives up what is gone and takes up what is back.</summary>
    public virtual void Check()
    {
    }

    /// <summary>
    /// As uplink of vmdq mode: has what it stands for sort frames by pool, where that can. Called whenever the pools may have changed.
    /// </summary>
    /// <param name="pools">The pools there are.</param>
    public virtual Steering Steer(IReadOnlyCollection<Pool> pools) =>
        new(false, $"{Vdev.Driver.Name} has no queues that an interface sorts frames into");

    /// <summary>Has longer frames dropped before they leave by the port, whatever the device takes.</summary>
    /// <param name="longest">The longest frame in bytes, from the Ethernet header on; null for no such limit.</param>
    public void LimitFrames(uint? longest)
    {
        if (longest == _longest) return;
        _longest = longest;
        // Poll threads take turns at what stands first: none uses it any more when something else stands there.
        _context.DataPlane.SetQueues(Port, _inputs, []);
        _outward = [];
        Use(_inputs, _outputs);
    }

    /// <summary>Takes the port away and closes the device.</summary>
    public void Dispose()
    {
        _context.DataPlane.Detach(Port);
        Close();
        foreach (var counters in _inputCounters.Values.Concat(_outputCounters.Values))
            counters.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>What the device works in.</summary>
    protected PortContext Context => _context;

    /// <summary>Opens the device and calls <see cref="Use"/>; where what it stands for may come later, it may wait for <see cref="Check"/>.</summary>
    /// <exception cref="PortException">It cannot be opened, and waiting would not help.</exception>
    protected abstract void Open();

    /// <summary>Closes what <see cref="Open"/> opened. The port is detached: no poll thread knows its queues.</summary>
    protected abstract void Close();

    /// <summary>The counters of an input, the same for each queue of that number.</summary>
    /// <param name="queue">The queue's number.</param>
    protected CounterBlock InputCountersOf(int queue) => Of(_inputCounters, queue);

    /// <summary>The counters of an output, the same for each queue of that number.</summary>
    /// <param name="queue">The queue's number.</param>
    protected CounterBlock OutputCountersOf(int queue) => Of(_outputCounters, queue);

    /// <summary>Replaces the queues in the data plane. On return no poll thread uses one that is not among the new ones.</summary>
    /// <param name="inputs">The queues to poll.</param>
    /// <param name="outputs">The queues to send by.</param>
    protected void Use(InputQueue[] inputs, OutputQueue[] outputs)
    {
        _inputs = inputs;
        _outputs = outputs;
        // An output that stays keeps what stands before it: poll threads take each other's turns there.
        _outward = outputs.ToDictionary(output => output, output => _outward.GetValueOrDefault(output) ?? Outward(output));
        _context.DataPlane.SetQueues(Port, inputs, [.. outputs.Select(output => _outward[output])]);
    }

    /// <summary>Tells people something.</summary>
    /// <param name="text">One line without the device's name.</param>
    protected void Note(string text) => Noted?.Invoke(text);

    private OutputQueue Outward(OutputQueue output)
    {
        var first = _context.Outward?.Invoke(output) ?? output;
        return _longest is { } longest ? new LimitedOutput(first, longest) : first;
    }

    private static CounterBlock Of(SortedDictionary<int, CounterBlock> all, int queue)
    {
        if (!all.TryGetValue(queue, out var counters)) all.Add(queue, counters = new CounterBlock());
        return counters;
    }
}
