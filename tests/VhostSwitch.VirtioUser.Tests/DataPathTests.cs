using System.Diagnostics;
using VhostSwitch.Linux;
using VhostSwitch.Packets;
using VhostSwitch.Virtio;

namespace VhostSwitch.VirtioUser.Tests;

/// <summary>The data path of one port against a device that the test plays step by step, well-behaved or not.</summary>
public sealed unsafe class DataPathTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private ScriptedBackEnd? _backEnd;
    private VirtioUserPort? _port;

    public void Dispose()
    {
        _port?.Dispose();
        _backEnd?.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void KicksForEachBurstUnlessTheDeviceDeclines()
    {
        var port = Start();
        var device = _backEnd!.Ring(1);
        int kick = _backEnd.Kicks[1]!.Number;
        EventFd.Drain(kick);
        Send(port, 3);
        Assert.Equal(1ul, EventFd.Drain(kick));
        Send(port, 3);
        Assert.Equal(1ul, EventFd.Drain(kick));
        device.DisableKicks();
        Send(port, 3);
        Assert.Equal(0ul, EventFd.Drain(kick));
        device.EnableKicks();
        Send(port, 3);
        Assert.Equal(1ul, EventFd.Drain(kick));
        Assert.Equal(12, device.Available(64));
    }

    [Fact]
    public void KicksWhenReceiveBuffersComeBack()
    {
        var port = Start();
        var device = _backEnd!.Ring(0);
        int kick = _backEnd.Kicks[0]!.Number;
        EventFd.Drain(kick);
        Span<FramePart> parts = stackalloc FramePart[8];
        Give(ref device, (76, 1));
        Assert.Equal(1, port.Receive(parts));
        Assert.Equal(0ul, EventFd.Drain(kick));
        port.Release(parts[..1]);
        Assert.Equal(1ul, EventFd.Drain(kick));
        Assert.Equal(256, device.Available(512));
    }

    [Theory]
    [InlineData(Features.None)]
    [InlineData(Features.EventIdx)]
    [InlineData(Features.InOrder)]
    [InlineData(Features.RingPacked)]
    [InlineData(Features.RingPacked | Features.EventIdx)]
    public void SleepsUntilAFrameComes(Features features)
    {
        var port = Start(o => o with { Features = VirtioUserOptions.DefaultFeatures | features });
        if (port.IsPacked) WakeAndSleep(port, _backEnd!.PackedRing(0));
        else WakeAndSleep(port, _backEnd!.Ring(0));
    }

    private void WakeAndSleep<TRing>(VirtioUserPort port, TRing device)
        where TRing : struct, IDeviceRing
    {
        Span<FramePart> parts = stackalloc FramePart[1];
        // The first call is always wanted; only what the port says is asked here.
        device.CallDecided();
        for (int round = 0; round < 4; round++)
        {
            Assert.False(port.Wait(20));
            var sender = new Thread(() =>
            {
                Thread.Sleep(100);
                Give(ref device, (76, 1));
                RingOrder.FenceBeforeNotifyCheck();
                Assert.True(device.WantsCall());
                device.CallDecided();
                EventFd.Signal(_backEnd!.Calls[0]!.Number);
            });
            var watch = Stopwatch.StartNew();
            sender.Start();
            Assert.True(port.Wait(10_000));
            Assert.InRange(watch.ElapsedMilliseconds, 50, 9_000);
            sender.Join();
            Assert.Equal(1, port.Receive(parts));
            port.Release(parts);
            // What is there already is not waited for, and awake no call is wanted, all around the ring.
            for (int i = 0; i < 200; i++)
            {
                Give(ref device, (76, 1));
                if (i % 2 == 0) Assert.True(port.Wait(10_000));
                else Assert.False(device.WantsCall());
                device.CallDecided();
                Assert.Equal(1, port.Receive(parts));
                port.Release(parts);
            }
        }
    }

    [Fact]
    public void KeepsTheLengthOfEveryPart()
    {
        var port = Start();
        var device = _backEnd!.Ring(0);
        Give(ref device, (12, 1), (13, 1), (2048, 3), (2048, 0), (5, 0), (72, 1));
        Span<FramePart> parts = stackalloc FramePart[8];
        Assert.Equal(6, port.Receive(parts));
        Assert.Equal([0, 1, 2036, 2048, 5, 60], parts[..6].ToArray().Select(p => p.Length));
        Assert.Equal([false, false, true, true, false, false], parts[..6].ToArray().Select(p => p.More));
        Assert.Equal(4ul, port.ReceivedFrames);
        Assert.Equal(3, port.HeaderOf(parts[2])->NumBuffers);
    }

    [Fact]
    public void LetsAFrameWaitThatDoesNotFitTheSpan()
    {
        var port = Start();
        var device = _backEnd!.Ring(0);
        Give(ref device, (76, 1), (76, 1), (2048, 3), (2048, 0), (5, 0), (76, 1));
        Span<FramePart> parts = stackalloc FramePart[4];
        Assert.Equal(2, port.Receive(parts));
        port.Release(parts[..2]);
        Assert.Equal(4, port.Receive(parts));
        Assert.Equal([2036, 2048, 5, 64], parts.ToArray().Select(p => p.Length));
        port.Release(parts);
        Assert.Equal(0, port.Receive(parts));
        Assert.Equal(4ul, port.ReceivedFrames);
        Assert.Equal(LinkState.Up, port.Link);
        Assert.Equal(256, device.Available(512));
    }

    [Fact]
    public void ThrowsAFrameAwayThatNoSpanHolds()
    {
        var port = Start();
        var device = _backEnd!.Ring(0);
        Give(ref device, (76, 1), (2048, 3), (2048, 0), (5, 0), (77, 1));
        Span<FramePart> parts = stackalloc FramePart[2];
        Assert.Equal(2, port.Receive(parts));
        Assert.Equal([64, 65], parts.ToArray().Select(p => p.Length));
        port.Release(parts);
        Assert.Equal((1ul, 2ul), (port.OversizedFrames, port.ReceivedFrames));
        Assert.Equal(256, device.Available(512));
    }

    [Theory]
    [InlineData(11, 1, "11 bytes, shorter than the network header")]
    [InlineData(0, 1, "0 bytes, shorter than the network header")]
    [InlineData(76, 0, "span 0 buffers")]
    [InlineData(76, 3, "span 3 buffers")]
    [InlineData(76, 65535, "span 65535 buffers")]
    [InlineData(2049, 1, "length of 2049 bytes, more than was posted")]
    [InlineData(-1, 1, "length of 4294967295 bytes")]
    public void BreaksTheLinkOnAFrameThatCannotBe(int written, int buffers, string reason)
    {
        var port = Start();
        var device = _backEnd!.Ring(0);
        Give(ref device, (76, 1), (written, buffers), (76, 1));
        Span<FramePart> parts = stackalloc FramePart[8];
        Assert.Equal(1, port.Receive(parts));
        Assert.Equal(0, port.Receive(parts));
        Assert.Equal(LinkState.Broken, port.Link);
        Assert.StartsWith("receive queue: ", port.LinkReason);
        Assert.Contains(reason, port.LinkReason);
        Assert.Equal(0, port.Borrow(parts));
        port.Stop();
        Assert.Equal(LinkState.Stopped, port.Link);
        port.Start();
        Assert.Equal(LinkState.Up, port.Link);
        device = _backEnd.Ring(0);
        Give(ref device, (76, 1));
        Assert.Equal(1, port.Receive(parts));
    }

    [Fact]
    public void BreaksTheLinkOnAWrongTransmitReturn()
    {
        var port = Start();
        var device = _backEnd!.Ring(1);
        Span<FramePart> parts = stackalloc FramePart[256];
        Send(port, 2);
        Assert.Equal(2, device.Available(2));
        int id = device.Peek(0, out _);
        device.Use(0, id, 0);
        device.Use(1, id, 0);
        device.Publish(2);
        // Buffers that came back rightly still are lent; the link breaks when there are none left.
        while (port.Borrow(parts) > 0) { }
        Assert.Equal(LinkState.Broken, port.Link);
        Assert.Contains($"transmit queue: used id {id}, which is not outstanding", port.LinkReason);
    }

    [Fact]
    public void BreaksTheLinkOnAWrongReturnOfAPackedRing()
    {
        var port = Start(o => o with { Features = VirtioUserOptions.DefaultFeatures | Features.RingPacked });
        var device = _backEnd!.PackedRing(0);
        Give(ref device, (76, 1), (2049, 1));
        Span<FramePart> parts = stackalloc FramePart[8];
        Assert.Equal(1, port.Receive(parts));
        Assert.Equal(0, port.Receive(parts));
        Assert.Equal(LinkState.Broken, port.Link);
        Assert.Equal("receive queue: a used length of 2049 bytes, more than was posted", port.LinkReason);
        port.Stop();
        port.Start();
        device = _backEnd.PackedRing(0);
        Give(ref device, (76, 1));
        Assert.Equal(1, port.Receive(parts));
        Assert.Equal(LinkState.Up, port.Link);
    }

    [Fact]
    public void KeepsQueuePairsApart()
    {
        var port = Start(o => o with { Queues = 2, TransmitBuffers = 3 });
        Span<FramePart> parts = stackalloc FramePart[8];
        Assert.Equal(3, port.Borrow(parts[..3], 1));
        Assert.Equal(0, port.Borrow(parts[3..], 1));
        Assert.Equal(3, port.Borrow(parts[3..], 0));
        for (int i = 0; i < 3; i++) parts[i].Length = 64;
        Assert.Equal(2, port.Transmit(parts[..2], 1));
        var ofFirst = _backEnd!.Ring(1);
        var ofSecond = _backEnd.Ring(3);
        Assert.Equal((0, 2), (ofFirst.Available(8), ofSecond.Available(8)));
        port.Return(parts[2..3], 1);
        Assert.Equal(1, port.Borrow(parts, 1));
        var receive = _backEnd.Ring(2);
        Give(ref receive, (76, 1));
        Assert.Equal(0, port.Receive(parts));
        Assert.False(port.Wait(0));
        Assert.True(port.Wait(10_000, 1));
        Assert.Equal(1, port.Receive(parts, 1));
        port.Release(parts[..1], 1);
        Assert.Equal((2ul, 1ul), (port.TransmittedFrames, port.ReceivedFrames));
        Give(ref receive, (11, 1));
        Assert.Equal(0, port.Receive(parts, 1));
        Assert.StartsWith("receive queue 1: ", port.LinkReason);
    }

    [Fact]
    public void LendsABufferToOneAtATime()
    {
        var port = Start(o => o with { TransmitBuffers = 5 });
        var device = _backEnd!.Ring(1);
        Span<FramePart> parts = stackalloc FramePart[8];
        Assert.Equal(5, port.Borrow(parts));
        Assert.Equal(5, parts[..5].ToArray().Select(p => (nint)p.Data).Distinct().Count());
        Assert.Equal(0, port.Borrow(parts[5..]));
        for (int i = 0; i < 5; i++) parts[i].Length = 64;
        Assert.Equal(3, port.Transmit(parts[..3]));
        port.Return(parts.Slice(3, 2));
        Assert.Equal(2, port.Borrow(parts));
        Assert.Equal(3, device.Available(8));
        device.Use(0, device.Peek(0, out _), 0);
        device.Publish(1);
        Assert.Equal(1, port.Borrow(parts));
    }

    [Fact]
    public void SendsAFrameOfSeveralPartsAsOneChain()
    {
        var port = Start();
        var device = _backEnd!.Ring(1);
        Span<FramePart> parts = stackalloc FramePart[4];
        Assert.Equal(4, port.Borrow(parts));
        (parts[0].Length, parts[1].Length, parts[2].Length, parts[3].Length) = (2036, 100, 7, 64);
        parts[0].More = parts[1].More = true;
        for (int i = 0; i < 4; i++) *parts[i].Data = (byte)(i + 1);
        Assert.Equal(4, port.Transmit(parts));
        Assert.Equal(2, device.Available(8));
        device.Peek(0, out var descriptor);
        Assert.Equal(2048u, descriptor.Length);
        Assert.Equal(1, At(descriptor)[12]);
        Assert.True(device.Follow(ref descriptor));
        Assert.Equal((100u, (byte)2), (descriptor.Length, At(descriptor)[0]));
        Assert.True(device.Follow(ref descriptor));
        Assert.Equal((7u, (byte)3, (ushort)0), (descriptor.Length, At(descriptor)[0], descriptor.Flags));
        device.Peek(1, out descriptor);
        Assert.Equal((76u, (byte)4), (descriptor.Length, At(descriptor)[12]));
        device.Use(0, device.Peek(0, out _), 0);
        device.Use(1, device.Peek(1, out _), 0);
        device.Publish(2);
        parts = new FramePart[256];
        Assert.Equal(256, port.Borrow(parts));
    }

    [Fact]
    public void RefusesWhatItsCallerCannotMean()
    {
        var port = Start();
        var parts = new FramePart[2];
        Assert.Equal(2, port.Borrow(parts));
        parts[0].Length = port.Capacity + 1;
        Assert.Throws<ArgumentException>(() => port.Transmit(parts));
        parts[0].Length = -1;
        Assert.Throws<ArgumentException>(() => port.Transmit(parts));
        parts[0].Length = parts[1].Length = 60;
        parts[1].More = true;
        Assert.Throws<ArgumentException>(() => port.Transmit(parts.AsSpan(1)));
    }

    private static void Send(VirtioUserPort port, int count)
    {
        Span<FramePart> parts = stackalloc FramePart[count];
        Assert.Equal(count, port.Borrow(parts));
        for (int i = 0; i < count; i++) parts[i].Length = 64;
        Assert.Equal(count, port.Transmit(parts));
    }

    private VirtioUserPort Start(Func<VirtioUserOptions, VirtioUserOptions>? with = null)
    {
        var mac = MacAddress.Parse("02:00:00:00:00:01");
        var options = new VirtioUserOptions { Path = _folder["a"], Mac = mac, MemoryRegions = 2, GuestPhysicalStart = 0x10_0000 };
        options = with?.Invoke(options) ?? options;
        _backEnd = new ScriptedBackEnd(_folder["a"]) { QueuePairs = (ulong)options.Queues, Rings = 2 * options.Queues };
        _port = new VirtioUserPort(options);
        _port.Start();
        _backEnd.WaitUntilReady();
        return _port;
    }

    private byte* At(in Descriptor descriptor)
    {
        byte* at = _backEnd!.Memory.Translate(new GuestAddress(descriptor.Address), descriptor.Length, out ulong contiguous);
        Assert.Equal(descriptor.Length, contiguous);
        return at;
    }

    // Uses one buffer after the other: with so many bytes written, by its word, and so many buffers in its header.
    private void Give<TRing>(ref TRing device, params (int Written, int Buffers)[] buffers)
        where TRing : struct, IDeviceRing
    {
        Assert.Equal(buffers.Length, device.Available(buffers.Length));
        for (int i = 0; i < buffers.Length; i++)
        {
            int id = device.Peek(i, out var descriptor);
            Assert.Equal((2048u, Descriptor.Write), (descriptor.Length, descriptor.Flags));
            ((NetHeader*)At(descriptor))->NumBuffers = (ushort)buffers[i].Buffers;
            device.Use(i, id, (uint)buffers[i].Written);
        }
        device.Publish(buffers.Length);
    }
}
