using VhostSwitch.Linux;

namespace VhostSwitch.Vhost.User;

/// <summary>
/// A socket path by which front-ends come: one that is served here (<see cref="ServerEndpoint"/>), or one that a front-end serves
/// (<see cref="ClientEndpoint"/>). Each connection is a device of its own. Lives on the control thread.
/// </summary>
public abstract class Endpoint : IDisposable
{
    private readonly EventLoop _loop;
    private readonly Func<Endpoint, UnixSocket, Session> _connected;
    private readonly Action<Endpoint, Session> _disconnected;
    private readonly List<Session> _sessions = [];

    private protected Endpoint(EventLoop loop, string path, Func<Endpoint, UnixSocket, Session> connected, Action<Endpoint, Session> disconnected)
    {
        _loop = loop;
        _connected = connected;
        _disconnected = disconnected;
        Path = path;
    }

    /// <summary>The socket's path.</summary>
    public string Path { get; }

    /// <summary>The connections.</summary>
    public IReadOnlyList<Session> Sessions => _sessions;

    /// <summary>Why the last session that ended did; null when its front-end just went, or none has ended.</summary>
    public string? LastEnd { get; private protected set; }

    /// <summary>True where the last session ended like the one before it, and neither lasted: nobody needs to read of that again.</summary>
    public virtual bool EndedAsBefore => false;

    /// <summary>Why nobody is connected; one line.</summary>
    public abstract string Waiting { get; }

    /// <summary>Makes a session that ends with the endpoint.</summary>
    /// <param name="socket">The connection.</param>
    /// <param name="device">Its device.</param>
    public Session Open(UnixSocket socket, Device device) => new(_loop, socket, device, End);

    /// <summary>Ends all sessions, and lets no new one come.</summary>
    public abstract void Dispose();

    /// <summary>Begins the session of a new connection.</summary>
    /// <param name="socket">The connection.</param>
    /// <returns>False where it was refused; <see cref="LastEnd"/> says why.</returns>
    private protected bool Begin(UnixSocket socket)
    {
        try
        {
            _sessions.Add(_connected(this, socket));
            return true;
        }
        catch (Exception e) when (e is VhostException or LinuxException)
        {
            LastEnd = e.Message;
            socket.Dispose();
            return false;
        }
    }

    /// <summary>Told when a session is over, before anybody else is. <see cref="LastEnd"/> is still that of the one before.</summary>
    /// <param name="session">The session.</param>
    private protected virtual void Ended(Session session)
    {
    }

    private protected void EndSessions()
    {
        foreach (var session in _sessions.ToArray())
            End(session);
    }

    private void End(Session session)
    {
        if (!_sessions.Remove(session)) return;
        Ended(session);
        LastEnd = session.EndReason;
        _disconnected(this, session);
        session.Dispose();
    }
}
