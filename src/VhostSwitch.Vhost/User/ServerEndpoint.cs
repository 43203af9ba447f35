using VhostSwitch.Linux;

namespace VhostSwitch.Vhost.User;

/// <summary>A socket that is served here and any number of front-ends connect to. Lives on the control thread.</summary>
public sealed class ServerEndpoint : Endpoint
{
    private const int Backlog = 128;

    private readonly EventLoop _loop;
    private readonly UnixSocket _listener;

    // Given up for a moment when the process has no descriptor left, so that whoever connects can be turned away: a connection
    // that nobody accepts would keep the loop busy for ever.
    private FileDescriptor _reserve = EventFd.Create();

    /// <summary>Makes the socket and listens.</summary>
    /// <param name="loop">The control thread's loop.</param>
    /// <param name="path">The socket's path.</param>
    /// <param name="connected">Makes the session of a new connection with <see cref="Endpoint.Open"/>; throws to refuse it.</param>
    /// <param name="disconnected">Told when a session is over, before it is disposed.</param>
    /// <exception cref="VhostException">The socket cannot be made there; the sentence says what to change.</exception>
    public ServerEndpoint(EventLoop loop, string path, Func<Endpoint, UnixSocket, Session> connected, Action<Endpoint, Session> disconnected)
        : base(loop, path, connected, disconnected)
    {
        _loop = loop;
        _listener = SocketPath.Listen(path, Backlog);
        loop.Watch(_listener.Number, Accept);
    }

    /// <inheritdoc/>
    public override string Waiting =>
        LastEnd is { } reason ? $"waiting for a front-end (the last one was disconnected: {reason})" : "waiting for a front-end";

    /// <summary>Ends all sessions and removes the socket.</summary>
    public override void Dispose()
    {
        _loop.Unwatch(_listener.Number);
        _listener.Dispose();
        _reserve.Dispose();
        File.Delete(Path);
        EndSessions();
    }

    private void Accept()
    {
        if (TryAccept() is { } socket) Begin(socket);
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
}
