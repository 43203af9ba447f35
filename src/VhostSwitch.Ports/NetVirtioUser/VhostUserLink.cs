using System.Diagnostics;
using VhostSwitch.Linux;
using VhostSwitch.Vhost;
using VhostSwitch.Vhost.User;
using VhostSwitch.VirtioUser;

namespace VhostSwitch.Ports.NetVirtioUser;

/// <summary>
/// A back-end on a vhost-user socket, which this side connects to or serves. Requests wait for their answers, so a thread of their own sets
/// the back-end up: neither one that does not answer nor a socket of this same process holds the control thread.
/// </summary>
internal sealed class VhostUserLink : BackEndLink
{
    // The longest a back-end may take for one answer, and for all that it is asked at the end.
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(1);

    // A back-end that was found and cannot be used is tried again after 1, 2, 4, … seconds, this many at most.
    private const int MostSecondsBetweenTries = 16;

    private readonly EventLoop _loop;
    private readonly string _path;
    private readonly bool _server;
    private UnixSocket? _listener;
    private VhostUserConnection? _connection;
    private VhostUserBackEnd? _backEnd;
    private Thread? _setUp;
    private int _failures;
    private long _triedAt;

    // Why there is none: how the last one ended, or what the last try to connect came to.
    private string? _end;
    private string _absence;

    /// <param name="loop">The control thread's loop.</param>
    /// <param name="path">The socket.</param>
    /// <param name="server">True to serve it.</param>
    /// <param name="setUp">Sets a back-end up.</param>
    public VhostUserLink(EventLoop loop, string path, bool server, Action<IBackEnd> setUp)
        : base(setUp)
    {
        _loop = loop;
        _path = path;
        _server = server;
        _absence = Waiting;
    }

    /// <inheritdoc/>
    public override string Endpoint => _path;

    /// <inheritdoc/>
    public override string Description => _backEnd is not null ? $"vhost-user back-end at {_path}" : _end ?? _absence;

    private string Waiting => _server ? $"waiting for a back-end to connect to {_path}" : $"waiting for a back-end: nobody listens at {_path}";

    /// <inheritdoc/>
    public override void Open()
    {
        if (!_server)
        {
            Connect();
            return;
        }
        try
        {
            // One back-end at a time: others wait for their turn in the backlog.
            _listener = SocketPath.Listen(_path, 1);
        }
        catch (VhostException e)
        {
            throw new PortException(e.Message);
        }
        _loop.Watch(_listener.Number, Accept);
    }

    /// <inheritdoc/>
    public override void Check()
    {
        if (_server || _connection is not null) return;
        double wait = _failures == 0 ? 0 : Math.Min(1 << Math.Min(_failures - 1, 8), MostSecondsBetweenTries);
        if (Stopwatch.GetElapsedTime(_triedAt).TotalSeconds >= wait) Connect();
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        if (_listener is not null)
        {
            if (_connection is null) _loop.Unwatch(_listener.Number);
            _listener.Dispose();
            File.Delete(_path);
        }
        if (_connection is null) return;
        if (_backEnd is { } backEnd)
        {
            _loop.Unwatch(_connection.Number);
            var stop = new Thread(() => Stop(backEnd)) { IsBackground = true, Name = "virtio-user stop" };
            stop.Start();
            if (!stop.Join(StopLimit)) _connection.Abort();
            stop.Join();
        }
        LetGo();
    }

    private void Connect()
    {
        _triedAt = Stopwatch.GetTimestamp();
        UnixSocket socket;
        try
        {
            socket = UnixSocket.Connect(_path, nonBlocking: true, wait: false);
        }
        catch (LinuxException e)
        {
            _absence = e.Errno switch
            {
                Errno.ENOENT or Errno.ECONNREFUSED => Waiting,
                Errno.EAGAIN => $"waiting for a back-end: the one at {_path} accepts no connection",
                _ => $"waiting for a back-end: {e.Message}",
            };
            return;
        }
        Begin(socket);
    }

    private void Accept()
    {
        if (_listener!.Accept() is not { } socket) return;
        _loop.Unwatch(_listener.Number);
        Begin(socket);
    }

    private void Begin(UnixSocket socket)
    {
        var connection = _connection = new VhostUserConnection(socket, _path, AnswerLimit);
        _setUp = new Thread(() => SetUp(connection)) { IsBackground = true, Name = "virtio-user set-up" };
        _setUp.Start();
    }

    // On a thread of its own. What it finds is told on the control thread, which may have given the connection up by then.
    private void SetUp(VhostUserConnection connection)
    {
        try
        {
            var backEnd = new VhostUserBackEnd(connection);
            SetUp(backEnd);
            _loop.Post(() => Take(connection, backEnd));
        }
        catch (VirtioUserException e)
        {
            _loop.Post(() => Refuse(connection, e.Message));
        }
    }

    private void Take(VhostUserConnection connection, VhostUserBackEnd backEnd)
    {
        if (_connection != connection) return;
        _backEnd = backEnd;
        _end = null;
        _failures = 0;
        // One that is gone already says so at once.
        _loop.Watch(connection.Number, Look);
        TellUp();
    }

    private void Refuse(VhostUserConnection connection, string reason)
    {
        if (_connection != connection) return;
        _failures++;
        LetGo();
        _end = $"no back-end that can be used: {reason}";
        if (_server) _loop.Watch(_listener!.Number, Accept);
        TellDown();
    }

    private void Look()
    {
        if (_connection!.Trouble() is not { } trouble) return;
        _loop.Unwatch(_connection.Number);
        _end = $"down: {trouble}; " + (_server ? "waiting for it to connect again" : "connecting again when somebody listens there");
        _backEnd = null;
        TellDown();
        LetGo();
        if (_server) _loop.Watch(_listener!.Number, Accept);
    }

    private static void Stop(VhostUserBackEnd backEnd)
    {
        try
        {
            backEnd.Stop();
        }
        catch (VirtioUserException)
        {
            // A back-end that does not answer any more is stopped by the end of the connection.
        }
    }

    private void LetGo()
    {
        // Ends a wait for an answer, if there is one.
        _connection!.Abort();
        _setUp!.Join();
        _connection.Dispose();
        _connection = null;
        _backEnd = null;
    }
}
