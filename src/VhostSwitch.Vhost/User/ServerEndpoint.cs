using VhostSwitch.Linux;

namespace VhostSwitch.Vhost.User;

/// <summary>A socket path that front-ends connect to. Each connection is a device of its own. Lives on the control thread.</summary>
public sealed class ServerEndpoint : IDisposable
{
    private const int Backlog = 128;

    private readonly EventLoop _loop;
    private readonly Func<ServerEndpoint, UnixSocket, Session> _connected;
    private readonly Action<ServerEndpoint, Session> _disconnected;
    private readonly UnixSocket _listener;
    private readonly List<Session> _sessions = [];

    // Given up for a moment when the process has no descriptor left, so that whoever connects can be turned away: a connection
    // that nobody accepts would keep the loop busy for ever.
    private FileDescriptor _reserve = EventFd.Create();

    /// <summary>Makes the socket and listens.</summary>
    /// <param name="loop">The control thread's loop.</param>
    /// <param name="path">The socket's path.</param>
    /// <param name="connected">Makes the session of a new connection with <see cref="Open"/>; throws to refuse it.</param>
    /// <param name="disconnected">Told when a session is over, before it is disposed.</param>
    /// <exception cref="VhostException">The socket cannot be made there; the sentence says what to change.</exception>
    public ServerEndpoint(EventLoop loop, string path, Func<ServerEndpoint, UnixSocket, Session> connected, Action<ServerEndpoint, Session> disconnected)
    {
        _loop = loop;
        _connected = connected;
        _disconnected = disconnected;
        Path = path;
        _listener = SocketPath.Listen(path, Backlog);
        loop.Watch(_listener.Number, Accept);
    }

    /// <summary>The socket's path.</summary>
    public string Path { get; }

    /// <summary>The connections.</summary>
    public IReadOnlyList<Session> Sessions => _sessions;

    /// <summary>Why the last session that ended did; null when its front-end just went, or none has ended.</summary>
    public string? LastEnd { get; private set; }

    /// <summary>Makes a session that ends with the endpoint.</summary>
    /// <param name="socket">The connection.</param>
    /// <param name="device">Its device.</param>
    public Session Open(UnixSocket socket, Device device) => new(_loop, socket, device, Ended);

    /// <summary>Ends all sessions and removes the socket.</summary>
    public void Dispose()
    {
        _loop.Unwatch(_listener.Number);
        _listener.Dispose();
        _reserve.Dispose();
        File.Delete(Path);
        foreach (var session in _sessions.ToArray())
            Ended(session);
    }

    private void Accept()
    {
        if (TryAccept() is not { } socket) return;
        try
        {
            _sessions.Add(_connected(this, socket));
        }
        catch (Exception e) when (e is VhostException or LinuxException)
        {
            LastEnd = e.Message;
            socket.Dispose();
        }
    }

    private UnixSocket? TryAccept()
    {
        try
        {
            return _listener.Accept();
        }
        catch (LinuxException e) when (e.Errno is Errno.EMFILE or Errno.ENFILE)
        {
            LastEnd = $"a front-end was turned away: {e.Message}";
            _reserve.Dispose();
            _listener.Accept()?.Dispose();
            _reserve = EventFd.Create();
            return null;
        }
    }

    private void Ended(Session session)
    {
        if (!_sessions.Remove(session)) return;
        LastEnd = session.EndReason;
        _disconnected(this, session);
        session.Dispose();
    }
}
