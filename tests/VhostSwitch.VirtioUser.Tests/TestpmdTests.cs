using System.Diagnostics;
using VhostSwitch.Linux;
using VhostSwitch.Packets;
using VhostSwitch.Virtio;

namespace VhostSwitch.VirtioUser.Tests;

/// <summary>Against a back-end nobody here wrote: two guests exchange checked frames through DPDK's <c>net_vhost</c>.</summary>
public sealed class TestpmdTests(ITestOutputHelper log) : IDisposable
{
    private const ulong Frames = 200_000;

    private static readonly MacAddress[] Macs = [MacAddress.Parse("02:00:00:00:00:01"), MacAddress.Parse("02:00:00:00:00:02")];
    private static readonly TimeSpan FramesLimit = TimeSpan.FromSeconds(60);
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

    // DPDK's net_vhost offers both; with packed rings and IN_ORDER it returns transmitted buffers in batches by one used entry.
    [Theory]
    [InlineData(Features.RingPacked, 256, 64)]
    [InlineData(Features.RingPacked, 300, 0)]
    [InlineData(Features.RingPacked | Features.EventIdx, 256, 0)]
    [InlineData(Features.RingPacked | Features.MrgRxbuf, 256, 0)]
    [InlineData(Features.RingPacked | Features.InOrder, 256, 64)]
    [InlineData(Features.RingPacked | Features.InOrder, 333, 0)]
    [InlineData(Features.RingPacked | Features.InOrder | Features.MrgRxbuf | Features.EventIdx, 1024, 0)]
    [InlineData(Features.RingPacked | Features.InOrder | Features.MrgRxbuf, 256, 64)]
    [InlineData(Features.InOrder, 256, 0)]
    [InlineData(Features.InOrder | Features.MrgRxbuf, 256, 64)]
    [InlineData(Features.InOrder | Features.MrgRxbuf | Features.EventIdx, 512, 0)]
    public void CarriesEveryByteOnPackedAndInOrderRings(Features features, int queueSize, int length)
    {
        using var testpmd = new Testpmd(_folder.Path);
        Exchange(
            testpmd,
            new DemoGuestOptions { FrameLengths = length != 0 ? [length] : [60, 61, 67, 64, 128, 129, 1514, 512, 999] },
            o => o with { Features = Features.Version1 | features, QueueSize = queueSize, MemoryRegions = 2 });
    }

    [Theory]
    [InlineData(Features.RingPacked)]
    [InlineData(Features.RingPacked | Features.InOrder)]
    [InlineData(Features.InOrder)]
    public void CarriesFramesOfSeveralBuffersOnPackedAndInOrderRings(Features features)
    {
        using var testpmd = new Testpmd(_folder.Path, "--mbuf-size=10240 --max-pkt-len=9600");
        Exchange(
            testpmd,
            new DemoGuestOptions { FrameLengths = [9000, 64, 3000, 2036, 2037, 2028] },
            o => o with { Features = VirtioUserOptions.DefaultFeatures | features });
    }

    [Theory]
    [InlineData(Features.None)]
    [InlineData(Features.RingPacked | Features.InOrder)]
    public void CarriesFramesOnSeveralQueuePairs(Features features)
    {
        using var testpmd = new Testpmd(_folder.Path, "--rxq=2 --txq=2", queues: 2);
        using var a = Port(testpmd, 0, o => o with { Queues = 2, Features = VirtioUserOptions.DefaultFeatures | features });
        using var b = Port(testpmd, 1, o => o with { Queues = 2, Features = VirtioUserOptions.DefaultFeatures | features });
        a.Start();
        b.Start();
        Assert.Equal(VirtioUserOptions.DefaultFeatures | Features.Mq | features, a.Features);
        // One after the other: frames stay on their pair, and the other one carries none.
        for (int pair = 0; pair < 2; pair++) Exchange(a, b, new DemoGuestOptions { QueuePair = pair }, true);
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

    [Theory]
    [InlineData(Features.EventIdx)]
    [InlineData(Features.RingPacked)]
    [InlineData(Features.RingPacked | Features.EventIdx)]
    public void CarriesFramesBetweenGuestsThatSleep(Features features)
    {
        using var testpmd = new Testpmd(_folder.Path);
        Exchange(testpmd, new DemoGuestOptions(), o => o with { Features = VirtioUserOptions.DefaultFeatures | features }, oneThread: false);
    }

    // Calls, as DPDK makes them: a frame at a time, and a sleep without a call would end at its limit.
    [Theory]
    [InlineData(Features.None)]
    [InlineData(Features.EventIdx)]
    [InlineData(Features.RingPacked)]
    [InlineData(Features.RingPacked | Features.EventIdx)]
    [InlineData(Features.RingPacked | Features.EventIdx | Features.InOrder)]
    public void IsWokenByTheBackEnd(Features features)
    {
        const int frames = 600;
        using var testpmd = new Testpmd(_folder.Path);
        using var a = Port(testpmd, 0, o => o with { Features = VirtioUserOptions.DefaultFeatures | features });
        using var b = Port(testpmd, 1, o => o with { Features = VirtioUserOptions.DefaultFeatures | features });
        a.Start();
        b.Start();
        Assert.Equal(a.Options.Features, a.Features);
        int received = 0, asleep = 0, tooLong = 0;
        var sleeper = new Thread(() =>
        {
            var parts = new FramePart[4];
            while (received < frames && tooLong == 0)
            {
                int count = a.Receive(parts);
                a.Release(parts.AsSpan(0, count));
                Volatile.Write(ref received, received + count);
                if (count != 0 || received == frames) continue;
                Volatile.Write(ref asleep, received + 1);
                if (!a.Wait(5_000)) tooLong++;
            }
        });
        sleeper.Start();
        var part = new FramePart[1];
        for (int i = 0; i < frames && tooLong == 0; i++)
        {
            // It is about to sleep after so many.
            Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref asleep) == i + 1 || Volatile.Read(ref tooLong) != 0, TimeSpan.FromSeconds(20)));
            Assert.True(SpinWait.SpinUntil(() => b.Borrow(part) == 1, TimeSpan.FromSeconds(10)));
            part[0].Length = 60;
            Assert.Equal(1, b.Transmit(part));
        }
        sleeper.Join();
        Assert.Equal((0, frames), (tooLong, received));
    }

    [Fact]
    public void RunsLean()
    {
        using var testpmd = new Testpmd(_folder.Path);
        Exchange(testpmd, new DemoGuestOptions { VerifyEvery = 1024 }, o => o with { MemoryRegions = 2 });
    }

    [Theory]
    [InlineData(Features.None)]
    [InlineData(Features.RingPacked | Features.InOrder)]
    public void StartsAgainAfterAStop(Features features)
    {
        using var testpmd = new Testpmd(_folder.Path);
        using var a = Port(testpmd, 0, o => o with { Features = VirtioUserOptions.DefaultFeatures | features });
        using var b = Port(testpmd, 1, o => o with { Features = VirtioUserOptions.DefaultFeatures | features });
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
        bool down = SpinWait.SpinUntil(() => a.Link == LinkState.Down && b.Link == LinkState.Down, TimeSpan.FromSeconds(10));
        Assert.True(down, DemoGuestTests.Report(pair));
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
        Assert.True(SpinWait.SpinUntil(() => pair.Received - before >= Frames, FramesLimit), DemoGuestTests.Report(pair));
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
