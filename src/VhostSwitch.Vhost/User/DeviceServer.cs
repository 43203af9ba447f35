using VhostSwitch.Linux;

namespace VhostSwitch.Vhost.User;

/// <summary>Whoever moves the frames of a device that a <see cref="DeviceServer{TOwner}"/> serves. Lives on the control thread.</summary>
public interface IDeviceOwner : IDeviceEvents, IDisposable
{
    /// <summary>The name under which people know it.</summary>
    string Name { get; }

    /// <summary>Told of what people should read of; one sentence.</summary>
    event Action<string>? Noted;

    /// <summary>Gets the device, before it has rings.</summary>
    /// <param name="device">The device.</param>
    void Connect(Device device);

    /// <summary>Looks for rings that broke, and whatever else shows only in time. Called twice a second.</summary>
    void Check();
}

/// <summary>
/// Sockets, served here or connected to, and the devices behind them: every connection becomes a device with the lowest free number and
/// an owner of its own, as in DPDK. Lives on the control thread.
/// </summary>
/// <typeparam name="TOwner">Who moves the frames.</typeparam>
public sealed class DeviceServer<TOwner> : IDisposable
    where TOwner : class, IDeviceOwner
{
    // Each time looks at every ring of every device: most of what an idle switch does.
    private static readonly TimeSpan CheckPeriod = TimeSpan.FromMilliseconds(500);

    // Full huge pages or a full tmpfs look the same as a truncated file: the page behind an address cannot be had.
    private const string LostMemory =
        "the front-end truncated its memory file, or the host had no memory left for it: its guest is disconnected; nobody else is affected";

    private readonly EventLoop _loop;
    private readonly DeviceOptions _options;
    private readonly int _mostDevices;
    private readonly Func<int, TOwner> _makeOwner;
    private readonly IDisposable _checking;
    private readonly List<Endpoint> _endpoints = [];
    private readonly SortedDictionary<int, Connection> _connections = [];

    /// <summary>Makes a server without sockets.</summary>
    /// <param name="loop">The control thread's loop.</param>
    /// <param name="options">What every device offers.</param>
    /// <param name="mostDevices">How many devices there may be at a time.</param>
    /// <param name="makeOwner">Makes the owner of the device with a number; throws <see cref="VhostException"/> to refuse it.</param>
    public DeviceServer(EventLoop loop, DeviceOptions options, int mostDevices, Func<int, TOwner> makeOwner)
    {
        _loop = loop;
        _options = options;
        _mostDevices = mostDevices;
        _makeOwner = makeOwner;
        _checking = loop.Every(CheckPeriod, Check);
    }

    /// <summary>Told when a front-end has connected.</summary>
    public event Action<Connection>? Connected;

    /// <summary>Told when a front-end has gone: its rings are stopped, its owner is not disposed yet.</summary>
    public event Action<Connection>? Disconnected;

    /// <summary>Told of what people should read of: the endpoint's path or the owner's name, and one sentence.</summary>
    public event Action<string, string>? Noted;

    /// <summary>The connections by device number.</summary>
    public IReadOnlyCollection<Connection> Connections => _connections.Values;

    /// <summary>The sockets.</summary>
    public IReadOnlyList<Endpoint> Endpoints => _endpoints;

    /// <summary>Makes a socket and listens.</summary>
    /// <param name="path">The socket's path.</param>
    /// <exception cref="VhostException">The socket cannot be made there.</exception>
    public void Listen(string path) => _endpoints.Add(new ServerEndpoint(_loop, path, Begin, End));

    /// <summary>Connects to a socket that a front-end serves, now or later, and again whenever the connection ends. Returns at once.</summary>
    /// <param name="path">The socket's path.</param>
    /// <returns>What connects; lives as long as the server, or until <see cref="Remove"/>.</returns>
    /// <exception cref="VhostException">No socket can have such a path.</exception>
    public ClientEndpoint Connect(string path)
    {
        var endpoint = new ClientEndpoint(_loop, path, Begin, End);
        endpoint.WaitingChanged += () => Noted?.Invoke(path, endpoint.Waiting);
        _endpoints.Add(endpoint);
        return endpoint;
    }

    /// <summary>Removes a socket, or connects to it no more, and stops the devices that came by it.</summary>
    /// <param name="path">The socket's path as it was given.</param>
    /// <returns>False where there is no such socket.</returns>
    public bool Remove(string path)
    {
        if (_endpoints.Find(e => e.Path == path) is not { } endpoint) return false;
        _endpoints.Remove(endpoint);
        endpoint.Dispose();
        return true;
    }

    /// <summary>Stops all devices, removes the sockets that are served, and connects to none any more.</summary>
    public void Dispose()
    {
        _checking.Dispose();
        foreach (var endpoint in _endpoints)
            endpoint.Dispose();
        _endpoints.Clear();
    }

    private Session Begin(Endpoint endpoint, UnixSocket socket)
    {
        int id = 0;
        while (_connections.ContainsKey(id))
            id++;
        if (id >= _mostDevices) throw new VhostException($"a front-end was refused: {_mostDevices} devices are the most");
        var owner = _makeOwner(id);
        var device = new Device(id, _options, owner);
        owner.Connect(device);
        owner.Noted += text => Noted?.Invoke(owner.Name, text);
        Session session;
        try
        {
            session = endpoint.Open(socket, device);
        }
        catch
        {
            owner.Dispose();
            throw;
        }
        var connection = new Connection(id, endpoint, owner, session);
        _connections.Add(id, connection);
        Connected?.Invoke(connection);
        return session;
    }

    private void End(Endpoint endpoint, Session session)
    {
        var connection = _connections[session.Device.Id];
        // The device first: its rings leave the data path while their owner is still there.
        session.Device.Dispose();
        if (session.EndReason is { } reason && !endpoint.EndedAsBefore)
            Noted?.Invoke(endpoint.Path, $"the front-end of device {connection.Id} was disconnected: {reason}");
        Disconnected?.Invoke(connection);
        connection.Owner.Dispose();
        _connections.Remove(connection.Id);
    }

    private void Check()
    {
        foreach (var connection in _connections.Values.Where(c => c.Device.LostMemory).ToArray())
            connection.Session.Abort(LostMemory);
        foreach (var connection in _connections.Values)
        {
            // What the front-end did not answer is asked again.
            connection.Device.AskForTranslations();
            connection.Owner.Check();
            if (connection.Session.TakeRefusal() is { } refusal) Noted?.Invoke(connection.Owner.Name, $"a request was refused: {refusal}");
        }
    }

    /// <summary>A front-end's connection.</summary>
    /// <param name="Id">The device's number.</param>
    /// <param name="Endpoint">The socket it came by.</param>
    /// <param name="Owner">Who moves its frames.</param>
    /// <param name="Session">Its session.</param>
    public sealed record Connection(int Id, Endpoint Endpoint, TOwner Owner, Session Session)
    {
        /// <summary>Its device.</summary>
        public Device Device => Session.Device;
    }
}
