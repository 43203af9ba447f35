using VhostSwitch.Ports.NetPcap;

namespace VhostSwitch.Ports.Tests.NetPcap;

public sealed class FramePacerTests
{
    private const long Second = 1_000_000_000;

    [Fact]
    public void WithoutARateEveryFrameIsDue()
    {
        var pacer = new FramePacer(FrameRate.Unlimited);
        for (int i = 0; i < 1000; i++, pacer.Advance())
            Assert.True(pacer.IsDue(5, 100 * Second));
    }

    /// <summary>A third of a second is no whole number of nanoseconds, and still there are three frames in every second.</summary>
    [Theory]
    [InlineData(3ul)]
    [InlineData(7ul)]
    [InlineData(1ul)]
    [InlineData(999_999ul)]
    public void NeverDrifts(ulong rate)
    {
        const long start = 123_456_789;
        var pacer = new FramePacer(new FrameRate(rate, Original: false));
        const int seconds = 3;
        Assert.True(pacer.IsDue(start, 0));
        for (ulong i = 0; i < rate * seconds; i++)
        {
            long due = start + (long)(i / rate) * Second + (long)(i % rate * (ulong)Second / rate);
            Assert.True(pacer.IsDue(due, 0));
            if (i > 0) Assert.False(pacer.IsDue(due - 1, 0));
            pacer.Advance();
        }
    }

    [Fact]
    public void WhoComesLateCatchesUp()
    {
        var pacer = new FramePacer(new FrameRate(1000, Original: false));
        Assert.True(pacer.IsDue(0, 0));
        int given = 0;
        for (; pacer.IsDue(Second / 2, 0); given++)
            pacer.Advance();
        // Frame 0 at 0, frame 500 at half a second.
        Assert.Equal(501, given);
    }

    [Fact]
    public void TheOriginalRateIsThatOfTheTimestampsRoundAfterRound()
    {
        var pacer = new FramePacer(new FrameRate(0, Original: true));
        const long start = 77;
        Assert.True(pacer.IsDue(start, 0));
        pacer.Advance();
        Assert.False(pacer.IsDue(start + 999, 1000));
        Assert.True(pacer.IsDue(start + 1000, 1000));
        pacer.Advance();
        pacer.BeginRound(2000);
        Assert.False(pacer.IsDue(start + 1999, 0));
        Assert.True(pacer.IsDue(start + 2000, 0));
        Assert.False(pacer.IsDue(start + 2999, 1000));
    }
}
