using VhostSwitch.Linux;

namespace VhostSwitch.VirtioUser;

/// <summary>Notices that a back-end is gone: a thread that sleeps on the connection, so that no poll thread has to ask the kernel.</summary>
internal sealed class LinkMonitor : IDisposable
{
    private const ulong ConnectionToken = 0;
    private const ulong StopToken = 1;

    private readonly VhostUserConnection _connection;
    private readonly Action<string> _lost;
    private readonly Epoll _events = new();
    private readonly FileDescriptor _stop = EventFd.Create();
    private Thread? _thread;
    private volatile string? _trouble;

    internal LinkMonitor(VhostUserConnection connection, Action<string> lost)
    {
        _connection = connection;
        _lost = lost;
        _events.Add(connection.Number, ConnectionToken);
        _events.Add(_stop.Number, StopToken);
    }

    /// <summary>What happened to the connection; null while it stands.</summary>
    internal string? Trouble => _trouble;

    /// <summary>Begins to watch; does nothing when it does so already.</summary>
    internal void Watch()
    {
        if (_thread is not null) return;
        _thread = new Thread(Run) { IsBackground = true, Name = "virtio-user link" };
        _thread.Start();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        EventFd.Signal(_stop.Number);
        if (_thread != Thread.CurrentThread) _thread?.Join();
        _events.Dispose();
        _stop.Dispose();
    }

    private void Run()
    {
        Span<ulong> tokens = stackalloc ulong[2];
        while (true)
        {
            int count = _events.Wait(tokens, 1000);
            if (tokens[..count].Contains(StopToken)) return;
            if (count == 0) continue;
            // An answer to a request wakes this thread as well; by the time it has its turn the answer is taken.
            string? trouble = _connection.Trouble();
            if (trouble is null) continue;
            _trouble = trouble;
            _lost(trouble);
            return;
        }
    }
}
