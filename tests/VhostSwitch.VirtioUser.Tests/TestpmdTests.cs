using System.Diagnostics;
using VhostSwitch.Linux;
using VhostSwitch.Packets;
using VhostSwitch.Virtio;

namespace VhostSwitch.VirtioUser.Tests;

/// <summary>Against a back-end nobody here wrote: two guests exchange checked frames through DPDK's <c>net_vhost</c>.</summary>
public sealed class TestpmdTests(ITestOutputHelper log) : IDisposable
{
    private static readonly MacAddress[] Macs = [MacAddress.Parse("02:00:00:00:00:01"), MacAddress.Parse("02:00:00:00:00:02")];
    private static readonly TimeSpan RunTime = TimeSpan.FromSeconds(1);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(true, false, 1, 256, null, 64)]
    [InlineData(false, false, 2, 256, null, 64)]
    [InlineData(true, true, 2, 1024, null, 64)]
    [InlineData(false, true, 3, 512, 0x1000_0000UL, 64)]
    [InlineData(true, false, 2, 256, 0x1000_0000UL, 0)]
    [InlineData(false, false, 8, 256, null, 0)]
    public void CarriesEveryByteOfEveryFrame(bool mergeable, bool eventIndex, int regions, int queueSize, ulong? guestStart, int length)
    {
        using var testpmd = new Testpmd(_folder.Path);
        var features = Features.Version1 | (mergeable ? Features.MrgRxbuf : 0) | (eventIndex ? Features.EventIdx : 0);
        Exchange(
            testpmd,
            new DemoGuestOptions { FrameLengths = length != 0 ? [length] : [60, 61, 67, 64, 128, 129, 1514, 512, 999] },
            o => o with { Features = features, MemoryRegions = regions, QueueSize = queueSize, GuestPhysicalStart = guestStart });
    }

    [Fact]
    public void LosesNothingWithFewTransmitBuffers()
    {
        using var testpmd = new Testpmd(_folder.Path);
        Exchange(testpmd, new DemoGuestOptions { Window = 200 }, o => o with { TransmitBuffers = 37 });
    }

    [Fact]
    public void CarriesFramesOfSeveralBuffers()
    {
        using var testpmd = new Testpmd(_folder.Path, "--mbuf-size=10240 --max-pkt-len=9600");
        Exchange(
            testpmd,
            new DemoGuestOptions { FrameLengths = [9000, 64, 3000, 2036, 2037, 2028] },
            o => o with { MemoryRegions = 2 });
    }

    [Fact]
    public void CarriesFramesBetweenGuestsThatSleep()
    {
        using var testpmd = new Testpmd(_folder.Path);
        Exchange(testpmd, new DemoGuestOptions(), o => o with { Features = VirtioUserOptions.DefaultFeatures | Features.EventIdx }, oneThread: false);
    }

    [Fact]
    public void RunsLean()
    {
        using var testpmd = new Testpmd(_folder.Path);
        Exchange(testpmd, new DemoGuestOptions { VerifyEvery = 1024 }, o => o with { MemoryRegions = 2 });
    }

    [Fact]
    public void StartsAgainAfterAStop()
    {
        using var testpmd = new Testpmd(_folder.Path);
        using var a = Port(testpmd, 0, o => o);
        using var b = Port(testpmd, 1, o => o);
        for (int round = 0; round < 3; round++)
        {
            a.Start();
            b.Start();
            Exchange(a, b, new DemoGuestOptions(), true);
            a.Stop();
            b.Stop();
            Assert.Equal(LinkState.Stopped, a.Link);
        }
    }

    [Fact]
    public void SurvivesTheEndOfTheBackEndInFullTraffic()
    {
        using var testpmd = new Testpmd(_folder.Path);
        using var a = Port(testpmd, 0, o => o);
        using var b = Port(testpmd, 1, o => o);
        a.Start();
        b.Start();
        using var pair = new DemoGuestPair(new DemoGuest(a, Macs[1]), new DemoGuest(b, Macs[0]));
        pair.StartOnOneThread(CpuAffinity.Current()[^1]);
        Assert.True(pair.WaitUntilAcquainted(TimeSpan.FromSeconds(10)), DemoGuestTests.Report(pair));
        Thread.Sleep(200);
        testpmd.Kill();
        Assert.True(SpinWait.SpinUntil(() => a.Link == LinkState.Down && b.Link == LinkState.Down, TimeSpan.FromSeconds(10)), DemoGuestTests.Report(pair));
        pair.Finish();
        // What arrived until then arrived whole.
        Assert.Equal(0ul, pair.First.Changed + pair.Second.Changed + pair.First.OutOfOrder + pair.Second.OutOfOrder);
        Assert.True(pair.Received > 1000, DemoGuestTests.Report(pair));
    }

    [Fact]
    public void NoticesABackEndThatChangesFrames()
    {
        // This mode writes its own addresses into every frame.
        using var testpmd = new Testpmd(_folder.Path, "--forward-mode=mac");
        using var a = Port(testpmd, 0, o => o);
        using var b = Port(testpmd, 1, o => o);
        a.Start();
        b.Start();
        using var pair = new DemoGuestPair(new DemoGuest(a, Macs[1]), new DemoGuest(b, Macs[0]));
        pair.StartOnOneThread(CpuAffinity.Current()[^1]);
        Assert.False(pair.WaitUntilAcquainted(TimeSpan.FromSeconds(1)));
        Assert.True(pair.First.Foreign > 0 && pair.Second.Foreign > 0, DemoGuestTests.Report(pair));
    }

    private static VirtioUserPort Port(Testpmd testpmd, int i, Func<VirtioUserOptions, VirtioUserOptions> with) =>
        new(with(new VirtioUserOptions { Path = testpmd.Sockets[i], Mac = Macs[i] }));

    private void Exchange(Testpmd testpmd, DemoGuestOptions guest, Func<VirtioUserOptions, VirtioUserOptions> with, bool oneThread = true)
    {
        using var a = Port(testpmd, 0, with);
        using var b = Port(testpmd, 1, with);
        a.Start();
        b.Start();
        Assert.Equal(a.Options.Features, a.Features);
        Exchange(a, b, guest, oneThread);
    }

    private void Exchange(VirtioUserPort a, VirtioUserPort b, DemoGuestOptions guest, bool oneThread)
    {
        using var pair = new DemoGuestPair(new DemoGuest(a, Macs[1], guest), new DemoGuest(b, Macs[0], guest));
        if (oneThread) pair.StartOnOneThread(CpuAffinity.Current()[^1]);
        else pair.Start();
        Assert.True(pair.WaitUntilAcquainted(TimeSpan.FromSeconds(10)), DemoGuestTests.Report(pair));
        var watch = Stopwatch.StartNew();
        ulong before = pair.Received;
        Thread.Sleep(RunTime);
        double mpps = (pair.Received - before) / watch.Elapsed.TotalMicroseconds;
        bool flawless = pair.Finish();
        log.WriteLine($"{mpps:f2} Mpps; {DemoGuestTests.Report(pair)}");
        Assert.True(flawless, DemoGuestTests.Report(pair));
        Assert.Equal(pair.First.Sent, pair.Second.Received);
        Assert.Equal(pair.Second.Sent, pair.First.Received);
        Assert.True(pair.First.Received > 1000 && pair.Second.Received > 1000, DemoGuestTests.Report(pair));
        if (guest.VerifyEvery == 1) Assert.Equal(pair.Received, pair.First.Verified + pair.Second.Verified);
        Assert.Equal(0, pair.AllocatedBytes);
    }
}
