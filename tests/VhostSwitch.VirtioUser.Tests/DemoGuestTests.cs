using VhostSwitch.Packets;
using VhostSwitch.Virtio;

namespace VhostSwitch.VirtioUser.Tests;

public sealed class DemoGuestTests : IDisposable
{
    private static readonly MacAddress[] Macs = [MacAddress.Parse("02:00:00:00:00:01"), MacAddress.Parse("02:00:00:00:00:02")];
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(Features.Version1 | Features.MrgRxbuf, 1, null, false)]
    [InlineData(Features.Version1, 2, null, true)]
    [InlineData(Features.Version1 | Features.MrgRxbuf | Features.EventIdx, 3, 0x1000_0000UL, false)]
    [InlineData(Features.None, 2, 0x1000_0000UL, true)]
    [InlineData(Features.MrgRxbuf | Features.EventIdx, 8, 0UL, true)]
    [InlineData(Features.Version1 | Features.RingPacked, 2, null, true)]
    [InlineData(Features.Version1 | Features.RingPacked | Features.MrgRxbuf | Features.EventIdx, 1, 0x1000_0000UL, false)]
    [InlineData(Features.Version1 | Features.RingPacked | Features.MrgRxbuf | Features.InOrder, 1, null, false)]
    [InlineData(Features.Version1 | Features.InOrder | Features.MrgRxbuf, 1, null, true)]
    public void ExchangesFramesOfAnyLengthUnchanged(Features features, int regions, ulong? guestStart, bool oneThread)
    {
        int[] lengths = [60, 61, 62, 63, 64, 65, 66, 67, 68, 128, 999, 1514, 1518, 2028, 2029];
        if ((features & Features.MrgRxbuf) != 0) lengths = [.. lengths, 2036, 2037, 4000, 9000, 65];
        using var pair = Run(
            (_, _, _) => Fate.Pass,
            new DemoGuestOptions { FrameLengths = lengths },
            o => o with { Features = features, MemoryRegions = regions, GuestPhysicalStart = guestStart },
            oneThread);
        Assert.Equal(features, pair.First.Port.Features);
        Assert.True(pair.Finish(), Report(pair));
        Assert.Equal(pair.First.Sent, pair.Second.Received);
        Assert.Equal(pair.Second.Sent, pair.First.Received);
        Assert.Equal(pair.First.Received, pair.First.Verified);
        Assert.True(pair.First.Received > 1000 && pair.Second.Received > 1000, Report(pair));
        Assert.Equal(0ul, pair.First.Foreign + pair.Second.Foreign);
        Assert.Equal(0, pair.AllocatedBytes);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(13)]
    [InlineData(14)]
    [InlineData(21)]
    [InlineData(22)]
    [InlineData(29)]
    [InlineData(30)]
    [InlineData(63)]
    public void CountsAFrameOfWhichOneByteChanged(int at)
    {
        using var pair = Run((from, number, frame) =>
        {
            if (from == 0 && number == 500) frame[at] ^= 1;
            return Fate.Pass;
        });
        Assert.False(pair.Finish());
        Assert.Equal((1ul, 0ul, 0ul), (pair.Second.Changed, pair.Second.Lost, pair.Second.OutOfOrder));
        Assert.Equal((0ul, 0ul, 0ul), (pair.First.Changed, pair.First.Lost, pair.First.OutOfOrder));
    }

    [Fact]
    public void CountsAFrameOfWhichTwoBytesWereSwapped()
    {
        using var pair = Run((from, number, frame) =>
        {
            if (from == 1 && number == 500) (frame[40], frame[41]) = (frame[41], frame[40]);
            return Fate.Pass;
        });
        Assert.False(pair.Finish());
        Assert.Equal(1ul, pair.First.Changed);
    }

    [Fact]
    public void CountsALostFrame()
    {
        using var pair = Run((from, number, _) => from == 0 && number is 500 or 700 ? Fate.Drop : Fate.Pass);
        Assert.False(pair.Finish());
        Assert.Equal((0ul, 2ul, 0ul), (pair.Second.Changed, pair.Second.Lost, pair.Second.OutOfOrder));
    }

    [Fact]
    public void CountsARepeatedFrame()
    {
        using var pair = Run((from, number, _) => from == 0 && number == 500 ? Fate.Repeat : Fate.Pass);
        Assert.False(pair.Finish());
        Assert.Equal((0ul, 0ul, 1ul), (pair.Second.Changed, pair.Second.Lost, pair.Second.OutOfOrder));
    }

    [Fact]
    public void CountsAFrameThatWasOvertaken()
    {
        using var pair = Run((from, number, _) => from == 0 && number == 500 ? Fate.Delay : Fate.Pass);
        Assert.False(pair.Finish());
        Assert.Equal(1ul, pair.Second.OutOfOrder);
    }

    [Fact]
    public void CountsWhatWasLostAtTheEnd()
    {
        using var pair = Run(
            (from, number, _) => from == 0 && number >= 1000 ? Fate.Drop : Fate.Pass,
            new DemoGuestOptions { Stall = TimeSpan.FromSeconds(0.1) });
        Assert.False(pair.Finish());
        Assert.Equal(pair.First.Sent, pair.Second.Received + pair.Second.Lost);
        Assert.True(pair.Second.Lost > 0);
    }

    [Fact]
    public void GoesOnAfterAWholeWindowWasLost()
    {
        using var pair = Run(
            (from, number, _) => from == 0 && number is >= 1000 and < 1200 ? Fate.Drop : Fate.Pass,
            new DemoGuestOptions { Stall = TimeSpan.FromSeconds(0.1) },
            until: p => p.Second.Received > 5000);
        Assert.False(pair.Finish());
        Assert.Equal((0ul, 200ul, 0ul), (pair.Second.Changed, pair.Second.Lost, pair.Second.OutOfOrder));
    }

    [Fact]
    public void LooksAtEveryByteOfEveryNthFrameInLeanMode()
    {
        using var pair = Run(
            (from, number, frame) =>
            {
                // Hellos come first, so the number on the wire is not the number of the frame.
                if (from == 0 && frame[12] == 0x88 && frame[13] == 0xb5 && BitConverter.ToUInt64(frame[14..22]) is 512 or 513) frame[50] ^= 0x80;
                return Fate.Pass;
            },
            new DemoGuestOptions { VerifyEvery = 64 });
        Assert.False(pair.Finish());
        Assert.Equal((1ul, 0ul), (pair.Second.Changed, pair.Second.Lost));
        Assert.InRange(pair.Second.Verified, pair.Second.Received / 80, (pair.Second.Received / 50) + 1);
    }

    [Fact]
    public void LosesNoAcquaintanceWhenHellosAreLost()
    {
        using var pair = Run((_, number, _) => number < 3 ? Fate.Drop : Fate.Pass);
        Assert.True(pair.Finish(), Report(pair));
    }

    [Fact]
    public void RefusesGuestsThatAreNoPair()
    {
        using var a = new VirtioUserPort(new VirtioUserOptions { Path = _folder["a"], Mac = Macs[0] });
        using var b = new VirtioUserPort(new VirtioUserOptions { Path = _folder["b"], Mac = Macs[1] });
        Assert.Throws<ArgumentException>(() => new DemoGuestPair(new DemoGuest(a, Macs[1]), new DemoGuest(b, Macs[1])));
        Assert.Throws<ArgumentException>(() => new DemoGuestPair(
            new DemoGuest(a, Macs[1]), new DemoGuest(b, Macs[0], new DemoGuestOptions { FrameLengths = [65] })));
        Assert.Throws<ArgumentException>(() => new DemoGuest(a, Macs[1], new DemoGuestOptions { FrameLengths = [59] }));
    }

    internal static string Report(DemoGuestPair pair) => string.Join("; ", new[] { pair.First, pair.Second }.Select(g =>
        $"{g.Port.Mac}: sent {g.Sent}, received {g.Received}, verified {g.Verified}, lost {g.Lost}, "
        + $"changed {g.Changed}, out of order {g.OutOfOrder}, foreign {g.Foreign}, link {g.Port.Link}: {g.Port.LinkReason}"));

    private OwnedPair Run(
        Wire.Tamper tamper,
        DemoGuestOptions? guest = null,
        Func<VirtioUserOptions, VirtioUserOptions>? port = null,
        bool oneThread = false,
        Func<DemoGuestPair, bool>? until = null)
    {
        var parts = new Stack<IDisposable>();
        var backEnds = new ScriptedBackEnd[2];
        var guests = new DemoGuest[2];
        for (int i = 0; i < 2; i++)
        {
            string path = _folder[i.ToString()];
            backEnds[i] = new ScriptedBackEnd(path) { Offered = ScriptedBackEnd.AllFeatures };
            parts.Push(backEnds[i]);
            var options = new VirtioUserOptions { Path = path, Mac = Macs[i] };
            var made = new VirtioUserPort(port?.Invoke(options) ?? options);
            parts.Push(made);
            made.Start();
            guests[i] = new DemoGuest(made, Macs[1 - i], guest);
        }
        parts.Push(new Wire(backEnds[0], backEnds[1], tamper));
        var pair = new OwnedPair(guests[0], guests[1], parts);
        if (oneThread) pair.StartOnOneThread();
        else pair.Start();
        Assert.True(pair.WaitUntilAcquainted(TimeSpan.FromSeconds(10)), Report(pair));
        Func<DemoGuestPair, bool> enough = until ?? (p => p.First.Sent > 2000 && p.Second.Sent > 2000);
        SpinWait.SpinUntil(() => enough(pair), TimeSpan.FromSeconds(20));
        return pair;
    }

    /// <summary>A pair with everything it stands on.</summary>
    private sealed class OwnedPair(DemoGuest first, DemoGuest second, Stack<IDisposable> parts) : IDisposable
    {
        private readonly DemoGuestPair _pair = new(first, second);

        public static implicit operator DemoGuestPair(OwnedPair owned) => owned._pair;

        public DemoGuest First => _pair.First;

        public DemoGuest Second => _pair.Second;

        public long AllocatedBytes => _pair.AllocatedBytes;

        public void Start() => _pair.Start();

        public void StartOnOneThread() => _pair.StartOnOneThread();

        public bool WaitUntilAcquainted(TimeSpan timeout) => _pair.WaitUntilAcquainted(timeout);

        public bool Finish() => _pair.Finish();

        public void Dispose()
        {
            _pair.Dispose();
            while (parts.TryPop(out var part)) part.Dispose();
        }
    }
}
