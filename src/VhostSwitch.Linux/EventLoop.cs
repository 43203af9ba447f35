using System.Collections.Concurrent;
using System.Diagnostics;

namespace VhostSwitch.Linux;

/// <summary>
/// The control thread's loop: descriptors that become readable, timers, and work that other threads hand over. Everything runs
/// on the thread that calls <see cref="Run"/>, one thing after the other; nothing may wait without a limit.
/// </summary>
public sealed class EventLoop : IDisposable
{
    private const ulong WakeToken = 0;

    private readonly Epoll _epoll = new();
    private readonly FileDescriptor _wake = EventFd.Create();
    private readonly ConcurrentQueue<Action> _posted = new();
    private readonly Dictionary<ulong, Action> _readable = [];
    private readonly Dictionary<int, ulong> _tokens = [];
    private readonly List<Timer> _timers = [];
    private ulong _lastToken = WakeToken;
    private volatile Thread? _runner;
    private bool _stop;

    /// <summary>Makes a loop that watches nothing.</summary>
    public EventLoop() => _epoll.Add(_wake.Number, WakeToken);

    /// <summary>Calls back whenever a descriptor is readable or closed by its other side.</summary>
    /// <param name="fd">The descriptor's number.</param>
    /// <param name="readable">What to do; it may stop watching.</param>
    /// <exception cref="LinuxException">The descriptor cannot be watched.</exception>
    public void Watch(int fd, Action readable)
    {
        // A token is never used twice: an event that was fetched for a closed descriptor cannot reach the one that got its number.
        ulong token = ++_lastToken;
        _epoll.Add(fd, token);
        _tokens.Add(fd, token);
        _readable.Add(token, readable);
    }

    /// <summary>Stops watching a descriptor. Call it before the descriptor is closed.</summary>
    /// <param name="fd">The descriptor's number.</param>
    public void Unwatch(int fd)
    {
        if (!_tokens.Remove(fd, out ulong token)) return;
        _readable.Remove(token);
        _epoll.Remove(fd);
    }

    /// <summary>Calls back again and again.</summary>
    /// <param name="period">The time between two calls.</param>
    /// <param name="tick">What to do; it may begin and end timers.</param>
    /// <returns>What ends it when it is disposed, on the loop's thread.</returns>
    public IDisposable Every(TimeSpan period, Action tick)
    {
        var timer = new Timer(_timers, period, tick);
        _timers.Add(timer);
        return timer;
    }

    /// <summary>Has the loop's thread do something. Any thread may call it.</summary>
    /// <param name="work">What to do.</param>
    public void Post(Action work)
    {
        _posted.Enqueue(work);
        EventFd.Signal(_wake.Number);
    }

    /// <summary>Has the loop's thread compute something. Any other thread may call it.</summary>
    /// <typeparam name="T">What is computed.</typeparam>
    /// <param name="work">The computation; what it throws, the task throws.</param>
    public Task<T> Invoke<T>(Func<T> work)
    {
        var result = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        Post(() =>
        {
            try
            {
                result.SetResult(work());
            }
            catch (Exception e)
            {
                result.SetException(e);
            }
        });
        return result.Task;
    }

    /// <summary>
    /// Has the loop's thread compute something, and waits for it. Any thread may call it; on the loop's own thread, and while none runs the loop,
    /// it is computed at once.
    /// </summary>
    /// <typeparam name="T">What is computed.</typeparam>
    /// <param name="work">The computation; what it throws, this throws.</param>
    public T Call<T>(Func<T> work) =>
        _runner is null || _runner == Thread.CurrentThread ? work() : Invoke(work).GetAwaiter().GetResult();

    /// <summary>Ends <see cref="Run"/>. Any thread may call it.</summary>
    public void Stop() => Post(() => _stop = true);

    /// <summary>Runs the loop on a thread of its own, which ends with the process unless <see cref="Stop"/> ends it before.</summary>
    /// <param name="name">The thread's name.</param>
    public Thread Start(string name)
    {
        var thread = new Thread(Run) { Name = name, IsBackground = true };
        // Already now, so that nobody works beside the thread while it starts.
        _runner = thread;
        thread.Start();
        return thread;
    }

    /// <summary>Runs until <see cref="Stop"/>.</summary>
    public void Run()
    {
        _runner = Thread.CurrentThread;
        Span<ulong> tokens = stackalloc ulong[64];
        while (!_stop)
        {
            int count = _epoll.Wait(tokens, MillisecondsToNextTimer());
            for (int i = 0; i < count; i++)
            {
                if (tokens[i] == WakeToken) EventFd.Drain(_wake.Number);
                else if (_readable.TryGetValue(tokens[i], out var readable)) readable();
            }
            while (_posted.TryDequeue(out var work))
                work();
            // By number: who ticks may add timers and remove some. One that is passed over for that has its turn in the next round.
            for (int i = 0; i < _timers.Count; i++)
                _timers[i].TickIfDue();
        }
        _runner = null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _epoll.Dispose();
        _wake.Dispose();
    }

    private int MillisecondsToNextTimer()
    {
        const int AtMost = 1000;
        int next = AtMost;
        foreach (var timer in _timers)
            next = Math.Min(next, timer.MillisecondsLeft);
        return next;
    }

    private sealed class Timer(List<Timer> all, TimeSpan period, Action tick) : IDisposable
    {
        private long _last = Stopwatch.GetTimestamp();

        public int MillisecondsLeft => Math.Max(0, (int)Math.Ceiling((period - Stopwatch.GetElapsedTime(_last)).TotalMilliseconds));

        public void TickIfDue()
        {
            if (Stopwatch.GetElapsedTime(_last) < period) return;
            _last = Stopwatch.GetTimestamp();
            tick();
        }

        public void Dispose() => all.Remove(this);
    }
}
