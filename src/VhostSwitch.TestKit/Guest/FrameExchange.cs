using VhostSwitch.Packets;
using VhostSwitch.TestKit.Host;

namespace VhostSwitch.TestKit.Guest;

/// <summary>
/// Pairs of honest guests that send each other numbered frames without end, in rounds: a few frames there, the same number back,
/// then one broadcast of the first guest of all. A frame that is lost, repeated, changed or out of order ends the exchange.
/// </summary>
public sealed class FrameExchange : IDisposable
{
    private const int FramesPerRound = 8;

    private readonly (HonestGuest From, HonestGuest To)[] _ways;
    private readonly ulong[] _sent;
    private readonly Thread _thread;
    private volatile bool _stop;
    private ulong _broadcasts;
    private long _rounds;

    /// <summary>Starts the exchange.</summary>
    /// <param name="first">One guest.</param>
    /// <param name="second">Another guest on the same switch.</param>
    public FrameExchange(HonestGuest first, HonestGuest second)
        : this((first, second))
    {
    }

    /// <summary>Starts an exchange in each of some pairs, by one thread: no guest waits longer than a round until it looks for its frames.</summary>
    /// <param name="pairs">Guests on the same switch.</param>
    public FrameExchange(params (HonestGuest First, HonestGuest Second)[] pairs)
    {
        _ways = [.. pairs.SelectMany(p => new[] { (p.First, p.Second), (p.Second, p.First) })];
        _sent = new ulong[_ways.Length];
        _thread = new Thread(Run) { Name = "exchange", IsBackground = true };
        _thread.Start();
    }

    /// <summary>How many rounds were completed.</summary>
    public long Rounds => Volatile.Read(ref _rounds);

    /// <summary>What ended the exchange; null while it goes on.</summary>
    public string? Failure { get; private set; }

    /// <summary>Waits until some more rounds are complete.</summary>
    /// <param name="rounds">How many.</param>
    /// <exception cref="InvalidOperationException">A frame was lost, repeated, changed or out of order.</exception>
    public void WaitForRounds(int rounds)
    {
        long until = Rounds + rounds;
        Until.True(() => Rounds >= until || Failure is not null, "frames between the honest guests", 2 * Until.Limit);
        if (Failure is { } failure) throw new InvalidOperationException(failure);
    }

    /// <summary>Ends the exchange after the round that is under way.</summary>
    public void Dispose()
    {
        _stop = true;
        _thread.Join(2 * Until.Limit);
    }

    private void Run()
    {
        try
        {
            while (!_stop)
            {
                for (int i = 0; i < _ways.Length; i++)
                    Pass(_ways[i].From, _ways[i].To, ref _sent[i]);
                var announcer = _ways[0].From;
                announcer.Send(NumberedFrame.Make(MacAddress.Broadcast, announcer.Mac, ++_broadcasts));
                Volatile.Write(ref _rounds, _rounds + 1);
            }
        }
        catch (Exception e)
        {
            Failure = e.Message;
        }
    }

    private static void Pass(HonestGuest from, HonestGuest to, ref ulong sent)
    {
        ulong expected = sent;
        for (int i = 0; i < FramesPerRound; i++)
            from.Send(NumberedFrame.Make(to.Mac, from.Mac, ++sent));
        while (expected < sent)
        {
            byte[]? frame = null;
            Until.True(() => (frame = to.TryReceive()) is not null, $"frame {expected + 1} from {from.Mac} at {to.Mac}");
            // Others may flood; what is not addressed to this guest is not counted.
            if (NumberedFrame.Destination(frame) != to.Mac) continue;
            if (!NumberedFrame.TryRead(frame, out ulong number))
                throw new InvalidOperationException($"a changed frame came from {from.Mac} to {to.Mac}");
            if (number != ++expected)
                throw new InvalidOperationException($"frame {number} came from {from.Mac} to {to.Mac} instead of frame {expected}");
        }
    }
}
