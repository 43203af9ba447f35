using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.Vhost;
using VhostSwitch.Vhost.Net;
using VhostSwitch.Vhost.User;

namespace VhostSwitch.Ports.NetVhost;

/// <summary>
/// The sockets of the switch and the devices behind them: every connection becomes a device with the lowest free number and a
/// port of its own. Lives on the control thread.
/// </summary>
public sealed class VhostServer : IDisposable
{
    private static readonly TimeSpan CheckPeriod = TimeSpan.FromMilliseconds(200);

    // Full huge pages or a full tmpfs look the same as a truncated file: the page behind an address cannot be had.
    private const string LostMemory =
        "the front-end truncated its memory file, or the host had no memory left for it: its guest is disconnected; nobody else is affected";

    private readonly EventLoop _loop;
    private readonly DataPlane _dataPlane;
    private readonly DeviceOptions _options;
    private readonly GuestQueueFactory _factory;
    private readonly List<ServerEndpoint> _endpoints = [];
    private readonly SortedDictionary<int, Connection> _connections = [];

    /// <summary>Makes a server without sockets.</summary>
    /// <param name="loop">The control thread's loop.</param>
    /// <param name="dataPlane">Where the ports are attached.</param>
    /// <param name="options">What every device offers.</param>
    /// <param name="factory">Makes the queues.</param>
    public VhostServer(EventLoop loop, DataPlane dataPlane, DeviceOptions options, GuestQueueFactory factory)
    {
        _loop = loop;
        _dataPlane = dataPlane;
        _options = options;
        _factory = factory;
        loop.Every(CheckPeriod, Check);
    }

    /// <summary>Told when a device is there: both rings of its first pair run.</summary>
    public event Action<Connection>? DeviceAdded;

    /// <summary>Told when a device that was there goes.</summary>
    public event Action<Connection>? DeviceRemoved;

    /// <summary>Told of what people should read of: the endpoint's path or the port's name, and one sentence.</summary>
    public event Action<string, string>? Noted;

    /// <summary>The connections by device number.</summary>
    public IReadOnlyCollection<Connection> Connections => _connections.Values;

    /// <summary>The sockets.</summary>
    public IReadOnlyList<ServerEndpoint> Endpoints => _endpoints;

    /// <summary>Makes a socket and listens.</summary>
    /// <param name="path">The socket's path.</param>
    /// <exception cref="VhostException">The socket cannot be made there.</exception>
    public void Listen(string path) => _endpoints.Add(new ServerEndpoint(_loop, path, Connected, Disconnected));

    /// <summary>Stops all devices and removes the sockets.</summary>
    public void Dispose()
    {
        foreach (var endpoint in _endpoints)
            endpoint.Dispose();
        _endpoints.Clear();
    }

    private Session Connected(ServerEndpoint endpoint, UnixSocket socket)
    {
        int id = 0;
        while (_connections.ContainsKey(id))
            id++;
        if (id >= Topology.MaxPorts) throw new VhostException($"a front-end was refused: {Topology.MaxPorts} devices are the most");
        var port = new VhostPort(_dataPlane, _factory, new Port($"vhost{id}"));
        var device = new Device(id, _options, port);
        port.Connect(device);
        var connection = new Connection(id, endpoint, port, device);
        port.Added += _ => DeviceAdded?.Invoke(connection);
        port.Noted += (p, text) => Noted?.Invoke(p.Port.Name, text);
        try
        {
            connection.Session = endpoint.Open(socket, device);
        }
        catch
        {
            port.Dispose();
            throw;
        }
        _connections.Add(id, connection);
        return connection.Session;
    }

    private void Disconnected(ServerEndpoint endpoint, Session session)
    {
        var connection = _connections[session.Device.Id];
        // The device first: its rings leave the data plane while their port is still attached.
        session.Device.Dispose();
        if (session.EndReason is { } reason) Noted?.Invoke(endpoint.Path, $"the front-end of device {connection.Id} was disconnected: {reason}");
        if (connection.Port.IsAdded) DeviceRemoved?.Invoke(connection);
        connection.Port.Dispose();
        _connections.Remove(connection.Id);
    }

    private void Check()
    {
        EndLostMemory();
        foreach (var connection in _connections.Values)
        {
            connection.Port.Check();
            if (connection.Session?.TakeRefusal() is { } refusal) Noted?.Invoke(connection.Port.Port.Name, $"a request was refused: {refusal}");
        }
    }

    private void EndLostMemory()
    {
        foreach (var connection in _connections.Values.Where(c => c.Device.LostMemory).ToArray())
            connection.Session?.Abort(LostMemory);
    }

    /// <summary>A front-end's connection with its device and port.</summary>
    /// <param name="id">The device's number.</param>
    /// <param name="endpoint">The socket it came by.</param>
    /// <param name="port">Its port.</param>
    /// <param name="device">Its device.</param>
    public sealed class Connection(int id, ServerEndpoint endpoint, VhostPort port, Device device)
    {
        /// <summary>The device's number.</summary>
        public int Id { get; } = id;

        /// <summary>The socket it came by.</summary>
        public ServerEndpoint Endpoint { get; } = endpoint;

        /// <summary>Its port.</summary>
        public VhostPort Port { get; } = port;

        /// <summary>Its device.</summary>
        public Device Device { get; } = device;

        /// <summary>Its session; set as soon as the connection is taken.</summary>
        public Session? Session { get; internal set; }
    }
}
