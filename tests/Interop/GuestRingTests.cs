using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>Linux's driver on every kind of ring that QEMU can give it, and between guests that have different ones.</summary>
public sealed class GuestRingTests(ManyNicGuests guests) : IClassFixture<ManyNicGuests>, IDisposable
{
    /// <summary>Pings by each queue.</summary>
    private const int PingsPerQueue = 3;

    /// <summary>The networks, by number; the kinds of the two guests' devices in it are for the reader.</summary>
    public static TheoryData<int, RingKind, RingKind> Networks()
    {
        TheoryData<int, RingKind, RingKind> networks = [];
        for (int i = 0; i < ManyNicGuests.Kinds.Count; i++)
            networks.Add(i, ManyNicGuests.Kinds[i], ManyNicGuests.KindOfSecond(i));
        return networks;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (TestContext.Current.TestState?.Result == TestResult.Failed)
            guests.ShowTranscripts();
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public async Task PingsAndAFileArrive(int network, RingKind first, RingKind second)
    {
        string firstAddress = $"10.0.{network}.1", secondAddress = $"10.0.{network}.2";
        await UseQueuesAsync(guests.First, network, first);
        await UseQueuesAsync(guests.Second, network, second);
        await guests.First.WaitForPingAsync(secondAddress);
        await PingByEveryQueueAsync(guests.First, secondAddress, first);
        await PingByEveryQueueAsync(guests.Second, firstAddress, second);
        Assert.Equal(guests.FileHash, await GuestTransfer.FetchAsync(guests.Second, firstAddress, ManyNicGuests.FileBytes));

        SwitchStatus status = await guests.Switch.StatusAsync();
        AssertPort(status.PortAt(guests.SocketOfFirst(network)), first);
        AssertPort(status.PortAt(guests.SocketOfSecond(network)), second);
    }

    /// <summary>One and then all: the guest disables queues that ran, and enables them again.</summary>
    private static async Task UseQueuesAsync(QemuGuest guest, int network, RingKind kind)
    {
        if (kind.ManyQueues)
            await guest.CheckAsync($"ethtool -L eth{network} combined 1 && ethtool -L eth{network} combined {kind.QueuePairs}");
    }

    /// <summary>Linux sends by the queue of the processor that a program runs on.</summary>
    private static async Task PingByEveryQueueAsync(QemuGuest guest, string address, RingKind kind)
    {
        for (int cpu = 0; cpu < kind.QueuePairs; cpu++)
            await guest.CheckAsync($"taskset -c {cpu} ping -i 0.1 -c {PingsPerQueue} -W 5 {address} | grep '{PingsPerQueue} packets received'");
    }

    private static void AssertPort(SwitchStatus.Port port, RingKind kind)
    {
        Assert.True(port.IsUp, port.Status);
        string[] features = [.. port.Features.Intersect(RingKind.All[^1].Features).Order(StringComparer.Ordinal)];
        Assert.Equal(kind.Features, features);
        SwitchStatus.Queue[] enabled = [.. port.Queues.Where(queue => queue.Enabled)];
        Assert.Equal(2 * kind.QueuePairs, enabled.Length);
        Assert.All(enabled.Where(queue => !queue.IsToGuest), queue => Assert.InRange(queue.Frames, PingsPerQueue, long.MaxValue));
        // TCP fills a receiver's ring with a handful of large frames; no frame may be dropped for what it is.
        Assert.All(port.Queues, queue => Assert.DoesNotContain(queue.Drops, drop => drop.Value != 0 && drop.Key != SwitchStatus.ReceiverFull));
    }
}
