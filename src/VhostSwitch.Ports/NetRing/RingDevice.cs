using VhostSwitch.Linux;
using VhostSwitch.Packets;

namespace VhostSwitch.Ports.NetRing;

/// <summary>A device of <see cref="RingDriver"/>.</summary>
internal sealed class RingDevice : PortDevice
{
    private static readonly string[] Passed =
        ["tx-checksum-ip-generic", "tx-tcp-segmentation", "tx-tcp6-segmentation", "tx-tcp-ecn-segmentation", "tx-udp-segmentation"];

    private readonly RingOptions _options;
    private readonly Dictionary<string, RingDevice> _devices;

    // What frames for this device's input lie in; null while it is not joined.
    private FrameRing? _incoming;
    private RingDevice? _peer;

    /// <param name="vdev">Its name and arguments.</param>
    /// <param name="options">The same, checked.</param>
    /// <param name="context">What it works in.</param>
    /// <param name="devices">The devices of this driver in the same switch by name; it adds and removes itself.</param>
    public RingDevice(Vdev vdev, RingOptions options, PortContext context, Dictionary<string, RingDevice> devices)
        : base(vdev, context)
    {
        _options = options;
        _devices = devices;
    }

    /// <inheritdoc/>
    public override string Endpoint => _options.Peer ?? "itself";

    /// <inheritdoc/>
    public override MacAddress? Address => null;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Offloads => Passed;

    /// <inheritdoc/>
    public override string Status =>
        _options.Peer is null ? "up: gives back what it takes"
        : _peer is not null ? $"up: joined with {_peer.Vdev.Name}"
        : $"waiting for its peer: add --vdev {_options.Peer},peer={Vdev.Name}";

    /// <inheritdoc/>
    protected override void Open()
    {
        if (_options.Peer is null)
        {
            _incoming = MakeRing();
            UseRings(_incoming);
        }
        else if (_devices.TryGetValue(_options.Peer, out var peer)) Join(peer);
        _devices.Add(Vdev.Name, this);
    }

    /// <inheritdoc/>
    protected override void Close()
    {
        if (_devices.GetValueOrDefault(Vdev.Name) == this) _devices.Remove(Vdev.Name);
        if (_peer is { } peer)
        {
            // The other one adds to this ring and takes from its own, to which nobody adds any more.
            peer.Use([], []);
            peer._peer = null;
            peer._incoming!.Dispose();
            peer._incoming = null;
            peer.Note(peer.Status);
            _peer = null;
        }
        _incoming?.Dispose();
        _incoming = null;
    }

    private void Join(RingDevice peer)
    {
        string its = peer._options.Peer is { } other ? $"peer={other}" : "loop=1";
        if (peer._options.Peer != Vdev.Name) throw Vdev.Wrong($"its peer {peer.Vdev.Name} has {its}; two devices name each other");
        if (peer._options.Capacity != _options.Capacity) throw Vdev.Wrong($"its size is not that of its peer {peer.Vdev.Name}; give both the same");
        _incoming = MakeRing();
        peer._incoming = MakeRing();
        _peer = peer;
        peer._peer = this;
        UseRings(peer._incoming);
        peer.UseRings(_incoming);
    }

    private FrameRing MakeRing()
    {
        try
        {
            return new FrameRing(Context.Memory, _options.Capacity);
        }
        catch (LinuxException e)
        {
            throw Vdev.Wrong($"has no memory for its frames ({e.Message}); a smaller size needs less");
        }
    }

    private void UseRings(FrameRing outgoing) =>
        Use([new RingInput(_incoming!, InputCountersOf(0))], [new RingOutput(outgoing, OutputCountersOf(0))]);
}
