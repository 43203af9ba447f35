using VhostSwitch.Dataplane;
using VhostSwitch.Packets;
using VhostSwitch.Vhost;
using VhostSwitch.Vhost.Net;
using VhostSwitch.Vhost.User;

namespace VhostSwitch.Ports.NetVhost;

/// <summary>A device of <see cref="VhostDriver"/>: its port and its counters stay from one front-end to the next.</summary>
public sealed class VhostDevice : PortDevice
{
    // There is one; a second is accepted as far as it takes to refuse it with a sentence of this device's own.
    private const int MostFrontEnds = 2;

    private readonly VhostOptions _options;
    private DeviceServer<FrontEndRings>? _server;
    private FrontEndRings? _frontEnd;
    private ClientEndpoint? _client;
    private string _waiting = "waiting for a front-end";
    private bool _refusedOne;
    private bool _closed;

    internal VhostDevice(Vdev vdev, VhostOptions options, PortContext context)
        : base(vdev, context)
    {
        _options = options;
        Port.MergesSegments = options.MergesSegments;
    }

    /// <inheritdoc/>
    public override string Endpoint => _options.Path;

    /// <inheritdoc/>
    public override MacAddress? Address => null;

    /// <inheritdoc/>
    public override string Status => _frontEnd?.Status ?? _client?.Waiting ?? _waiting;

    /// <summary>True where the front-end serves the socket.</summary>
    public bool IsClient => _options.IsClient;

    /// <summary>The front-end that is connected; null while none is.</summary>
    public VhostRings? FrontEnd => _frontEnd;

    /// <inheritdoc/>
    protected override void Open()
    {
        _server = new DeviceServer<FrontEndRings>(Context.Loop, _options.Offer, MostFrontEnds, TakeIn);
        _server.Disconnected += c => Leave(c.Session.EndReason);
        _server.Noted += (where, text) =>
        {
            // What it says of its socket speaks of devices by number, and is said in this device's own words.
            if (where == Vdev.Name) Note(text);
        };
        try
        {
            if (!IsClient)
            {
                _server.Listen(_options.Path);
                return;
            }
            _client = _server.Connect(_options.Path);
            _client.WaitingChanged += () => Note(Status);
        }
        catch (VhostException e)
        {
            throw Vdev.Wrong(e.Message);
        }
    }

    /// <inheritdoc/>
    protected override void Close()
    {
        _closed = true;
        _server?.Dispose();
    }

    private FrontEndRings TakeIn(int number)
    {
        if (number == 0)
        {
            _refusedOne = false;
            _frontEnd = new FrontEndRings(this);
            _frontEnd.Added += () => Note(Status);
            return _frontEnd;
        }
        // Once: who is refused may try again without end.
        if (!_refusedOne)
            Note("a second front-end was refused: the port has one at a time; another one needs a --vdev net_vhost or --socket-file of its own");
        _refusedOne = true;
        throw new VhostException($"{Vdev.Name} has a front-end");
    }

    private void Leave(string? reason)
    {
        _waiting = $"waiting for the next front-end: the last one {(reason is null ? "has gone" : $"was disconnected: {reason}")}";
        if (!_closed && _client is not { EndedAsBefore: true }) Note(_waiting);
    }

    /// <summary>The rings of one front-end; the port and the counters are the device's.</summary>
    private sealed class FrontEndRings(VhostDevice owner) : VhostRings(owner.Context.DataPlane, GuestQueueFactory.Default)
    {
        public override string Name => owner.Vdev.Name;

        public override void Dispose() => owner._frontEnd = null;

        protected override CounterBlock MakeCounters(Vring ring) =>
            ring.IsGuestReceive ? owner.OutputCountersOf(ring.Index) : owner.InputCountersOf(ring.Index);

        // A port that was detached has no queues any more, and gets none while its rings stop one after the other.
        protected override void Use(InputQueue[] inputs, OutputQueue[] outputs)
        {
            if (!owner._closed) owner.Use(inputs, outputs);
        }
    }
}
