using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.Vhost;
using VhostSwitch.Vhost.Net;
using VhostSwitch.Vhost.User;

namespace VhostSwitch.Ports.NetVhost;

/// <summary>The sockets of the switch: every connection becomes a port of its own. Lives on the control thread.</summary>
public sealed class VhostServer : IDisposable
{
    private readonly DeviceServer<VhostPort> _server;

    /// <summary>Makes a server without sockets.</summary>
    /// <param name="loop">The control thread's loop.</param>
    /// <param name="dataPlane">Where the ports are attached.</param>
    /// <param name="options">What every device offers.</param>
    /// <param name="factory">Makes the queues.</param>
    /// <param name="mergesSegments">True to have TCP segments of one flow merged for guests that take large ones.</param>
    public VhostServer(EventLoop loop, PortHost dataPlane, DeviceOptions options, GuestQueueFactory factory, bool mergesSegments = false)
    {
        _server = new DeviceServer<VhostPort>(loop, options, Topology.MaxPorts, id => new VhostPort(dataPlane, factory, new Port($"vhost{id}") { MergesSegments = mergesSegments }));
        _server.Connected += c =>
        {
            c.Owner.Added += () => DeviceAdded?.Invoke(c);
            Connected?.Invoke(c);
        };
        _server.Disconnected += c =>
        {
            if (c.Owner.IsAdded) DeviceRemoved?.Invoke(c);
        };
        _server.Noted += (where, text) => Noted?.Invoke(where, text);
    }

    /// <summary>Told of a connection, whose port is attached and has no queues yet.</summary>
    public event Action<DeviceServer<VhostPort>.Connection>? Connected;

    /// <summary>Told when a device is there: both rings of its first pair run.</summary>
    public event Action<DeviceServer<VhostPort>.Connection>? DeviceAdded;

    /// <summary>Told when a device that was there goes.</summary>
    public event Action<DeviceServer<VhostPort>.Connection>? DeviceRemoved;

    /// <inheritdoc cref="DeviceServer{TOwner}.Noted"/>
    public event Action<string, string>? Noted;

    /// <inheritdoc cref="DeviceServer{TOwner}.Connections"/>
    public IReadOnlyCollection<DeviceServer<VhostPort>.Connection> Connections => _server.Connections;

    /// <inheritdoc cref="DeviceServer{TOwner}.Endpoints"/>
    public IReadOnlyList<Endpoint> Endpoints => _server.Endpoints;

    /// <inheritdoc cref="DeviceServer{TOwner}.Listen"/>
    public void Listen(string path) => _server.Listen(path);

    /// <summary>Connects to a socket that a front-end serves, now or later, and again whenever the connection ends.</summary>
    /// <param name="path">The socket's path.</param>
    /// <exception cref="VhostException">No socket can have such a path.</exception>
    public void Connect(string path) => _server.Connect(path);

    /// <inheritdoc/>
    public void Dispose() => _server.Dispose();
}
