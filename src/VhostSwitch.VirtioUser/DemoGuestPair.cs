using VhostSwitch.Linux;

namespace VhostSwitch.VirtioUser;

/// <summary>Two guests that talk to each other, with the threads they run on.</summary>
public sealed class DemoGuestPair : IDisposable
{
    private readonly DemoGuest[] _guests;
    private readonly List<Thread> _threads = [];
    private volatile bool _stop;
    private long _allocated;

    /// <summary>Introduces two guests to each other.</summary>
    /// <param name="first">One.</param>
    /// <param name="second">The other.</param>
    /// <exception cref="ArgumentException">They are no pair.</exception>
    public DemoGuestPair(DemoGuest first, DemoGuest second)
    {
        DemoGuest.Introduce(first, second);
        _guests = [first, second];
    }

    /// <summary>One of the guests.</summary>
    public DemoGuest First => _guests[0];

    /// <summary>The other one.</summary>
    public DemoGuest Second => _guests[1];

    /// <summary>Frames received by both.</summary>
    public ulong Received => First.Received + Second.Received;

    /// <summary>True while no frame was lost, changed or out of order. The final word only after <see cref="Finish"/>.</summary>
    public bool Flawless => Array.TrueForAll(_guests, g => g.Lost == 0 && g.Changed == 0 && g.OutOfOrder == 0);

    /// <summary>Managed bytes the guests' threads allocated while they ran; known after <see cref="Finish"/>.</summary>
    public long AllocatedBytes => Volatile.Read(ref _allocated);

    /// <summary>Starts a thread for each guest, which sleeps when it is idle.</summary>
    public void Start()
    {
        foreach (var guest in _guests) Launch([guest], null);
    }

    /// <summary>Starts one thread that polls both guests without ever sleeping: the lean load generator of benchmarks.</summary>
    /// <param name="cpu">The processor it is kept on, or null for any.</param>
    public void StartOnOneThread(int? cpu = null) => Launch(_guests, cpu);

    /// <summary>Waits until the guests have heard each other and send.</summary>
    /// <param name="timeout">How long at most.</param>
    /// <returns>False when the time was up.</returns>
    public bool WaitUntilAcquainted(TimeSpan timeout) => SpinUntil(() => First.Acquainted && Second.Acquainted, timeout);

    /// <summary>
    /// Lets the guests send no more, waits until all has arrived or nothing comes any more, ends the threads and closes the account.
    /// </summary>
    /// <returns>True when no frame was lost, changed or out of order.</returns>
    public bool Finish()
    {
        foreach (var guest in _guests) guest.Sending = false;
        ulong before;
        do
        {
            before = Received;
            if (SpinUntil(() => First.HasAll && Second.HasAll, First.Options.Stall)) break;
        }
        while (Received != before);
        End();
        foreach (var guest in _guests) guest.Close();
        return Flawless;
    }

    /// <summary>Ends the threads at once.</summary>
    public void Dispose() => End();

    private static bool SpinUntil(Func<bool> condition, TimeSpan timeout)
    {
        long end = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        while (!condition())
        {
            if (Environment.TickCount64 > end) return false;
            Thread.Sleep(1);
        }
        return true;
    }

    private void End()
    {
        _stop = true;
        foreach (var thread in _threads) thread.Join();
        _threads.Clear();
    }

    private void Launch(DemoGuest[] guests, int? cpu)
    {
        var thread = new Thread(() => Run(guests, cpu)) { IsBackground = true, Name = $"guest {guests[0].Port.Mac}" };
        _threads.Add(thread);
        thread.Start();
    }

    private void Run(DemoGuest[] guests, int? cpu)
    {
        if (cpu is { } number) CpuAffinity.Pin(number);
        var options = guests[0].Options;
        bool alone = guests.Length == 1;
        int idle = 0;
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        while (!_stop)
        {
            bool worked = false;
            foreach (var guest in guests) worked |= guest.Poll();
            if (worked) idle = 0;
            else if (guests[0].Port.Link != LinkState.Up) Thread.Sleep(10);
            else if (alone && options.IdleLooks != 0 && ++idle >= options.IdleLooks) guests[0].Port.Wait(1, options.QueuePair);
        }
        Interlocked.Add(ref _allocated, GC.GetAllocatedBytesForCurrentThread() - allocated);
    }
}
