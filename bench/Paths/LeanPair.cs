using System.Diagnostics;
using VhostSwitch.Interop.Rig;
using VhostSwitch.Linux;
using VhostSwitch.Packets;

namespace VhostSwitch.Bench.Paths;

/// <summary>What flowed between two lean guests for a while.</summary>
/// <param name="Mpps">Million frames a second that arrived, both directions added.</param>
/// <param name="GuestsBusy">The share of the guests' rounds in which there was something to do.</param>
/// <param name="GuestsLate">The share of frames that the guests by themselves sent later than due; 0 where nothing is due.</param>
/// <param name="Lost">Frames found to be lost.</param>
/// <param name="GuestsAway">The share of the time in which guests that look at the clock had no core; it counts in no rate.</param>
internal readonly record struct Flow(double Mpps, double GuestsBusy, double GuestsLate, ulong Lost, double GuestsAway);

/// <summary>Two lean guests and the thread that polls them.</summary>
internal sealed class LeanPair : IDisposable
{
    private readonly LeanGuest _first;
    private readonly LeanGuest _second;
    private readonly GuestClock _clock = new();
    private readonly Thread _thread;
    private volatile Traffic _wanted = Traffic.None;
    private volatile Traffic? _now;
    private volatile bool _stop;
    private volatile Exception? _failure;
    private ulong _rounds, _busyRounds;

    private LeanPair(LeanGuest first, LeanGuest second, int core)
    {
        (_first, _second) = (first, second);
        first.Meet(second, _clock);
        second.Meet(first, _clock);
        _thread = new Thread(() => Run(core)) { IsBackground = true, Name = "lean guests" };
        _thread.Start();
    }

    /// <summary>How long the first frame took, for which a switch may have to make ready.</summary>
    public TimeSpan FirstFrame => Stopwatch.GetElapsedTime(_first.First.Sent, _second.First.Heard);

    /// <summary>Frames that have arrived at both.</summary>
    public ulong Received => _first.Received + _second.Received;

    /// <summary>Frames lost; the final word after <see cref="EndAsync"/>.</summary>
    public ulong Lost => _first.Lost + _second.Lost;

    private ulong Sent => _first.Sent + _second.Sent;

    private ulong Late => _first.Late + _second.Late;

    /// <summary>Frames changed or out of order.</summary>
    public ulong Changed => _first.Changed + _second.Changed;

    /// <summary>Connects two guests and waits until each has heard all addresses of the other.</summary>
    /// <param name="sockets">The switch's sockets.</param>
    /// <param name="settings">The case.</param>
    /// <param name="core">The core of the thread.</param>
    /// <param name="number">Which pair it is where there are several: its addresses.</param>
    public static async Task<LeanPair> StartAsync((string First, string Second) sockets, Settings settings, int core, int number = 0)
    {
        MacAddress firstMac = MacOf((2 * number) + 1), secondMac = MacOf((2 * number) + 2);
        var first = new LeanGuest(sockets.First, firstMac, secondMac, settings);
        LeanGuest second;
        try
        {
            second = new LeanGuest(sockets.Second, secondMac, firstMac, settings);
        }
        catch
        {
            first.Dispose();
            throw;
        }
        var pair = new LeanPair(first, second, core);
        try
        {
            await Until.TrueAsync(() => first.KnowsPeer && second.KnowsPeer, Limits.Step, "the lean guests have heard of each other");
            return pair;
        }
        catch
        {
            pair.Dispose();
            throw;
        }
    }

    /// <summary>Has them send something else, and waits until they do; what was sent before counts nowhere any more.</summary>
    public async Task SendAsync(Traffic traffic)
    {
        _wanted = traffic;
        while (_now != traffic)
        {
            ThrowIfFailed();
            await Task.Delay(1);
        }
    }

    /// <summary>What flows while some time passes.</summary>
    public async Task<Flow> MeasureAsync(TimeSpan time)
    {
        long start = Stopwatch.GetTimestamp();
        var (received, rounds, busy) = (Received, Volatile.Read(ref _rounds), Volatile.Read(ref _busyRounds));
        var (sent, late, lost) = (Sent, Late, Lost);
        long away = _clock.AwayTicks;
        await Task.Delay(time);
        ThrowIfFailed();
        double frames = Received - received;
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds, secondsAway = (double)(_clock.AwayTicks - away) / Stopwatch.Frequency;
        return new Flow(
            frames / (seconds - secondsAway) / 1e6, Share(Volatile.Read(ref _busyRounds) - busy, Volatile.Read(ref _rounds) - rounds),
            Share(Late - late, Sent - sent), Lost - lost, secondsAway / seconds);

        static double Share(ulong part, ulong whole) => (double)part / Math.Max(1, whole);
    }

    /// <summary>Lets them send no more, waits a second at most until all has arrived, and closes the account.</summary>
    public async Task EndAsync()
    {
        await SendAsync(Traffic.None);
        long start = Stopwatch.GetTimestamp();
        do await Task.Delay(50);
        while (!(_first.HasAll && _second.HasAll) && Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(1));
        Stop();
        _first.Close();
        _second.Close();
    }

    public void Dispose()
    {
        Stop();
        _first.Dispose();
        _second.Dispose();
    }

    // Its last two bytes are the guest's to count its addresses with.
    private static MacAddress MacOf(int guest) => MacAddress.Parse($"02:00:00:{guest:x2}:00:00");

    private void Stop()
    {
        _stop = true;
        _thread.Join();
    }

    private void ThrowIfFailed()
    {
        if (_failure is { } failure) throw new InvalidOperationException($"the lean guests stopped: {failure.Message}", failure);
    }

    private void Run(int core)
    {
        try
        {
            Poll(core);
        }
        catch (Exception e)
        {
            // Whoever waits for the guests throws it.
            _failure = e;
        }
    }

    private void Poll(int core)
    {
        CpuAffinity.Pin(core);
        while (!_stop)
        {
            var wanted = _wanted;
            if (wanted != _now)
            {
                _clock.Start();
                _first.Begin(wanted, sends: true);
                _second.Begin(wanted, wanted.SecondSends);
                _now = wanted;
            }
            bool worked = _first.Poll() | _second.Poll();
            wanted.Latencies?.Pass(_clock.LookedAt, _first.IsBehind | _second.IsBehind);
            Volatile.Write(ref _rounds, _rounds + 1);
            if (worked) Volatile.Write(ref _busyRounds, _busyRounds + 1);
        }
    }
}
