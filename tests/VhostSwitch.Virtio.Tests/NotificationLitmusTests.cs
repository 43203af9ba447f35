using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Xunit;

namespace VhostSwitch.Virtio.Tests;

/// <summary>
/// The race that puts both sides of a ring to sleep, run on two processors: each publishes its index, then looks whether the other
/// wants to hear of it. Without a fence between, both may look before either has published (docs/decisions/001-barriers.md).
/// </summary>
public sealed unsafe class NotificationLitmusTests
{
    private const int Rounds = 500_000;

    // Two lines of a cache, so that the store waits in the store buffer while the load goes ahead.
    private const int LineLength = 64;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(15);

    // Ends at the first miss; beside others that use the processors, both sides seldom run at once.
    private static readonly TimeSpan ControlLimit = TimeSpan.FromSeconds(120);

    [Fact]
    public void WithTheFenceOneSideAlwaysSeesTheOther() => Assert.Equal(0, BothMissed<Fenced>(Rounds, stopAtFirst: false));

    /// <summary>The control: if this never happens here, the test above proves nothing.</summary>
    [Fact]
    public void WithoutTheFenceBothSidesMissEachOther()
    {
        Assert.SkipWhen(Environment.ProcessorCount < 2, "two processors are needed for the race");
        Assert.Equal(1, BothMissed<Unfenced>(int.MaxValue, stopAtFirst: true));
    }

    // How often both sides read the other's index as unpublished.
    private static int BothMissed<TFence>(int rounds, bool stopAtFirst)
        where TFence : struct, IFence
    {
        byte* memory = (byte*)NativeMemory.AlignedAlloc(4 * LineLength, LineLength);
        NativeMemory.Clear(memory, 4 * LineLength);
        ushort* first = (ushort*)memory, second = (ushort*)(memory + LineLength);
        int missed = 0, secondSaw = 0, turn = 0, done = 0;
        bool stop = false;
        var other = new Thread(() =>
        {
            for (int round = 1; ; round++)
            {
                while (Volatile.Read(ref turn) != round)
                {
                    if (Volatile.Read(ref stop)) return;
                }
                RingOrder.PublishIndex(second, 1);
                TFence.Fence();
                Volatile.Write(ref secondSaw, RingOrder.ReadHint(first));
                Volatile.Write(ref done, round);
            }
        });
        other.Start();
        var limit = stopAtFirst ? ControlLimit : Limit;
        long start = Environment.TickCount64;
        for (int round = 1; round <= rounds && Environment.TickCount64 - start < limit.TotalMilliseconds; round++)
        {
            *first = *second = 0;
            Volatile.Write(ref turn, round);
            // Not always in step: the other side needs a moment to see that it is its turn.
            for (int i = round % 64; i > 0; i--)
                Thread.SpinWait(1);
            RingOrder.PublishIndex(first, 1);
            TFence.Fence();
            ushort saw = RingOrder.ReadHint(second);
            while (Volatile.Read(ref done) != round)
                Thread.SpinWait(1);
            if (saw == 0 && secondSaw == 0) missed++;
            if (stopAtFirst && missed > 0) break;
        }
        Volatile.Write(ref stop, true);
        other.Join();
        NativeMemory.AlignedFree(memory);
        return missed;
    }

    private interface IFence
    {
        static abstract void Fence();
    }

    private readonly struct Fenced : IFence
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Fence() => RingOrder.FenceBeforeNotifyCheck();
    }

    private readonly struct Unfenced : IFence
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Fence()
        {
        }
    }
}
