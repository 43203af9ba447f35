using VhostSwitch.TestKit.Guest;
using VhostSwitch.Virtio.Split;
using Xunit;

namespace VhostSwitch.Virtio.Tests.Split;

/// <summary>
/// The used index of a split ring says where it goes on, whatever the front-end remembers: no history is ambiguous. A device that
/// dies at any point between two bursts is followed by one that takes exactly what was not given back.
/// </summary>
public sealed unsafe class SplitResynchronisationTests : IDisposable
{
    private readonly GuestMemoryMap _memory = new("split-resync");

    public SplitResynchronisationTests() => _memory.Add(0x10000, 1 << 20);

    public void Dispose()
    {
        Assert.True(_memory.GuardsAreIntact);
        _memory.Dispose();
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 65530)]
    [InlineData(8, 65500)]
    [InlineData(64, 100)]
    public void WhoeverComesNextTakesWhatWasNotGivenBackInItsOrder(int size, int first)
    {
        var random = new Random(size);
        var driver = new SplitRingWriter(_memory, SplitRingPlace.In(_memory, size));
        driver.StartAt((ushort)first);
        var free = new Queue<ushort>(Enumerable.Range(0, size).Select(i => (ushort)i));
        var offered = new Queue<ushort>();
        ushort taken = (ushort)first;
        for (int death = 0; death < 500; death++)
        {
            ushort remembered = (ushort)random.Next(65536);
            var device = new SplitDeviceRing(driver.Descriptors, driver.Available, driver.Used, size, remembered, eventIndex: false);
            Assert.Equal((driver.UsedIndex, driver.UsedIndex != remembered), ((ushort)device.Base, device.Resynchronised));
            for (int burst = random.Next(4); burst >= 0; burst--)
            {
                for (int most = random.Next(size + 1); most > 0 && free.TryDequeue(out ushort head); most--)
                {
                    driver.Offer(head);
                    offered.Enqueue(head);
                }
                int count = device.Available(size);
                Assert.Equal(offered.Count, count);
                Assert.Equal(offered, Enumerable.Range(0, count).Select(i => (ushort)device.Peek(i, out _)));
                // It dies over what it has taken and not yet published.
                if (burst == 0) break;
                count = random.Next(count + 1);
                for (int i = 0; i < count; i++)
                    device.Use(i, offered.Dequeue(), 0);
                if (count > 0) device.Publish(count);
                for (; taken != driver.UsedIndex; taken++)
                    free.Enqueue((ushort)driver.UsedAt(taken).Id);
            }
        }
    }
}
