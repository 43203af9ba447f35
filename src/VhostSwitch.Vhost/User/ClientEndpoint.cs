using VhostSwitch.Linux;

namespace VhostSwitch.Vhost.User;

/// <summary>
/// A socket that a front-end serves (QEMU's <c>server=on</c>) and that is connected to from here, for ever: the front-end may come later, go, and come
/// again. There is one connection at a time. Lives on the control thread.
/// </summary>
public sealed class ClientEndpoint : Endpoint
{
    private readonly EventLoop _loop;
    private readonly TimeProvider _clock;
    private IDisposable? _nextTry;
    private long _connectedAt;
    private bool _hasEnded;
    private bool _endedAsBefore;
    private string _waiting;

    // What people have read of last, and need not read of again while nothing else happens.
    private string? _told;

    /// <summary>Begins to connect; nothing need be there yet.</summary>
    /// <param name="loop">The control thread's loop.</param>
    /// <param name="path">The socket's path.</param>
    /// <param name="connected">Makes the session of a new connection with <see cref="Endpoint.Open"/>; throws to refuse it.</param>
    /// <param name="disconnected">Told when a session is over, before it is disposed.</param>
    /// <exception cref="VhostException">No socket can have such a path.</exception>
    public ClientEndpoint(EventLoop loop, string path, Func<Endpoint, UnixSocket, Session> connected, Action<Endpoint, Session> disconnected)
        : this(loop, path, connected, disconnected, TimeProvider.System)
    {
    }

    internal ClientEndpoint(
        EventLoop loop, string path, Func<Endpoint, UnixSocket, Session> connected, Action<Endpoint, Session> disconnected, TimeProvider clock)
        : base(loop, path, connected, disconnected)
    {
        SocketPath.CheckLength(path);
        _loop = loop;
        _clock = clock;
        _waiting = $"connecting to {path}";
        TryAfter(TimeSpan.Zero);
    }

    /// <summary>Told when nobody can be connected to for another reason than before: <see cref="Waiting"/> has it.</summary>
    public event Action? WaitingChanged;

    /// <inheritdoc/>
    public override string Waiting => _waiting;

    /// <inheritdoc/>
    public override bool EndedAsBefore => _endedAsBefore;

    /// <summary>The waits before the next tries.</summary>
    internal BackOff BackOff { get; } = new();

    /// <summary>Ends the session, if there is one, and connects no more. The socket is the front-end's and stays.</summary>
    public override void Dispose()
    {
        EndSessions();
        _nextTry?.Dispose();
    }

    /// <inheritdoc/>
    private protected override void Ended(Session session)
    {
        // One who hangs up at once is as good as nobody: the waits go on growing, and what was said is not said again.
        bool lasted = _clock.GetElapsedTime(_connectedAt) >= BackOff.Longest;
        if (lasted)
        {
            BackOff.Reset();
            _told = null;
        }
        _endedAsBefore = !lasted && _hasEnded && session.EndReason == LastEnd;
        _hasEnded = true;
        _waiting = $"waiting for the next front-end: the last one {(session.EndReason is { } reason ? $"was disconnected: {reason}" : "has gone")}";
        TryAfter(BackOff.Next());
    }

    private void TryAfter(TimeSpan delay) => _nextTry = _loop.Every(delay, Try);

    // Connecting to a Unix socket never takes time: it is done at once, or not possible now.
    private void Try()
    {
        _nextTry!.Dispose();
        string reason;
        try
        {
            var socket = UnixSocket.Connect(Path, nonBlocking: true, wait: false);
            _connectedAt = _clock.GetTimestamp();
            if (Begin(socket)) return;
            reason = LastEnd!;
        }
        catch (LinuxException e)
        {
            reason = ReasonOf(e);
        }
        string before = LastEnd is null || LastEnd == reason ? "" : $" (the last one was disconnected: {LastEnd})";
        _waiting = $"waiting for a front-end: {reason}{before}";
        TryAfter(BackOff.Next());
        if (reason == _told) return;
        _told = reason;
        WaitingChanged?.Invoke();
    }

    private string ReasonOf(LinuxException e) => e.Errno switch
    {
        Errno.ENOENT => $"there is no {Path} yet",
        // To what is no socket the kernel says the same as where nobody listens.
        Errno.ECONNREFUSED when !UnixSocket.IsSocketFile(Path, followLink: true) => $"{Path} is no socket: have the front-end serve another path, or remove what is there",
        Errno.ECONNREFUSED => $"nobody listens at {Path}",
        Errno.EAGAIN => $"who listens at {Path} accepts no connection: it is busy, or serves somebody else",
        Errno.EACCES or Errno.EPERM => $"no permission to connect to {Path}: let this user write to it and enter its folder, or start the front-end as the same user",
        _ => e.Message,
    };
}
