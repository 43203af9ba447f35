using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.Testpmd.Modes;

namespace VhostSwitch.Testpmd.Forwarding;

/// <summary>
/// One thread on one core that works on its streams in turn, from <c>start</c> to <c>stop</c>. It polls without end, and gives way to others on
/// its core when there is nothing to do for long.
/// </summary>
internal sealed unsafe class ForwardingThread : IDisposable
{
    // Passes between two looks, behind a fence, at the queues whose decision to notify is open (docs/decisions/001-barriers.md).
    private const ulong PassesBetweenFences = 16;

    // About a tenth of a millisecond of polling.
    private const int PassesBeforeYield = 4000;

    // How long frames that arrived before the start are looked for.
    private const int FlushMs = 10;

    // Set up once.
    private readonly FrameStream[] _streams;
    private readonly ForwardMode _mode;
    private readonly Workspace _workspace;
    private readonly ForwardingStart _start;
    private readonly Thread _thread;

    // Written by the control thread.
    private bool _stop;

    // Written by this thread.
    private ulong _passes;

    /// <summary>Makes a thread that is not started.</summary>
    /// <param name="core">The processor it is kept on; -1 for none in particular.</param>
    /// <param name="streams">What it works on.</param>
    /// <param name="mode">What it does.</param>
    /// <param name="workspace">What it works with; disposed with it.</param>
    /// <param name="start">What it does first.</param>
    public ForwardingThread(int core, FrameStream[] streams, ForwardMode mode, Workspace workspace, ForwardingStart start)
    {
        Core = core;
        _streams = streams;
        _mode = mode;
        _workspace = workspace;
        _start = start;
        _thread = new Thread(Run) { Name = $"forward-{core}", IsBackground = true };
    }

    /// <summary>The processor it is kept on; -1 for none in particular.</summary>
    public int Core { get; }

    /// <summary>What it works on.</summary>
    public IReadOnlyList<FrameStream> Streams => _streams;

    /// <summary>How often it has gone round its streams.</summary>
    public ulong Passes => Volatile.Read(ref _passes);

    /// <summary>The bytes it allocated on the managed heap while it forwarded. Must stay 0. Known once it has ended.</summary>
    public long AllocatedBytes { get; private set; }

    /// <summary>Begins.</summary>
    public void Start() => _thread.Start();

    /// <summary>Asks it to end.</summary>
    public void AskToStop() => Volatile.Write(ref _stop, true);

    /// <summary>Waits until it has ended.</summary>
    public void Join() => _thread.Join();

    /// <summary>True when two passes have begun since <see cref="Passes"/> was read, or it does not run.</summary>
    /// <param name="passes">What was read.</param>
    public bool HasPassed(ulong passes) => Passes - passes >= 2 || !_thread.IsAlive;

    /// <inheritdoc/>
    public void Dispose() => _workspace.Dispose();

    private void Run()
    {
        if (Core >= 0) CpuAffinity.Pin(Core);
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        if (_start.FlushesInputs) Flush();
        // All of them, even if it is to stop at once: whoever types start tx_first and stop has asked for these frames.
        for (int i = 0; i < _start.TransmitFirst; i++)
        {
            Volatile.Write(ref _passes, _passes + 1);
            foreach (var stream in _streams)
                GeneratingMode.SendBurst(stream, stream.First!, _workspace);
        }
        int emptyPasses = 0;
        while (!Volatile.Read(ref _stop))
        {
            Volatile.Write(ref _passes, _passes + 1);
            bool any = false;
            foreach (var stream in _streams)
                any |= _mode.Turn(stream, _workspace);
            if (any ? _passes % PassesBetweenFences == 0 : emptyPasses == 0) DecideNotifications();
            if (any) emptyPasses = 0;
            else if (++emptyPasses < PassesBeforeYield) Thread.SpinWait(1);
            else
            {
                emptyPasses = 0;
                Thread.Yield();
            }
        }
        DecideNotifications();
        AllocatedBytes = GC.GetAllocatedBytesForCurrentThread() - allocated;
    }

    // What arrived before the start is no part of it. An input that cannot wake anybody makes its frames itself, and none of them has arrived.
    private void Flush()
    {
        long until = Environment.TickCount64 + FlushMs;
        foreach (var stream in _streams)
        {
            while (stream.Input is { KickDescriptor: >= 0 } input && Environment.TickCount64 <= until && !Volatile.Read(ref _stop))
            {
                Volatile.Write(ref _passes, _passes + 1);
                if (_workspace.Flush(input) == 0) break;
            }
        }
    }

    private void DecideNotifications()
    {
        bool open = false;
        foreach (var stream in _streams)
            open |= stream.Input is { NotificationOpen: true } || stream.Output is { NotificationOpen: true };
        if (!open) return;
        Interlocked.MemoryBarrier();
        foreach (var stream in _streams)
        {
            if (stream.Input is { NotificationOpen: true } input) input.DecideNotification();
            if (stream.Output is { NotificationOpen: true } output) output.DecideNotification();
        }
    }
}

/// <summary>What forwarding threads do before they forward.</summary>
/// <param name="TransmitFirst">How many bursts each stream sends.</param>
/// <param name="FlushesInputs">True to take and forget what arrived before.</param>
internal readonly record struct ForwardingStart(int TransmitFirst, bool FlushesInputs);
