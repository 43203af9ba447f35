using VhostSwitch.Packets;
using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Switching.Tests;

/// <summary>Several threads as poll threads, and this one as the control thread, on one table.</summary>
public sealed class MacTableConcurrencyTests : IDisposable
{
    private const int Addresses = 4096;
    private const int Rounds = 100;

    private readonly MacTable _table = new();

    public void Dispose() => _table.Dispose();

    [Fact]
    public void NeverNamesAPortThatNeverHadTheAddress()
    {
        // Address i is only ever behind port i % 8 or 8 + i % 8, while addresses age, move and take each other's places.
        using var threads = new PassingThreads(3, (thread, random) =>
        {
            for (int i = 0; i < 64; i++)
            {
                int address = random.Next(Addresses);
                if (thread != 0) _table.Learn(Key(address), (ushort)((address % 8) + (8 * random.Next(2))));
                int looked = random.Next(Addresses);
                ushort port = _table.Find(Key(looked));
                if (port != MacTable.NoPort && port % 8 != looked % 8) return $"address {looked} was said to be behind port {port}";
            }
            return null;
        });
        for (uint now = 1; now <= Rounds && threads.Failure is null; now++)
        {
            if (now % 16 == 0) _table.Forget((ushort)(now / 16 % 16));
            _table.Tick(now * 10, 15, threads.WaitForAll);
        }
        Assert.Null(threads.Failure);
    }

    [Fact]
    public void CountsTheShareOfAPortRightWhileAddressesAgeAndAreRefreshed()
    {
        // A refresh that races with ageing: whichever wins, the port must end up able to fill its share exactly once.
        using (var threads = new PassingThreads(2, (thread, random) =>
        {
            for (int i = 0; i < 64; i++)
                _table.Learn(Key(random.Next(64)), (ushort)thread);
            return null;
        }))
        {
            for (uint now = 1; now <= Rounds; now++)
                _table.Tick(now * 2, 1, threads.WaitForAll);
        }
        _table.Tick(100_000, 1, () => { });
        _table.Tick(100_001, 1, () => { });
        Assert.Empty(_table.Entries());
        for (ushort port = 0; port < 2; port++)
        {
            for (int i = 0; i < MacTable.MaxPerPort + 100; i++)
                _table.Learn(Key((port * 10_000) + i), port);
        }
        Assert.Equal(2 * MacTable.MaxPerPort, _table.Entries().Count);
    }

    [Fact]
    public void CountsTheShareOfAPortRightWhileAnAddressMovesAndIsRefreshed()
    {
        // Two ports claim the same address all the time, and every tick of the clock makes one of them refresh what it has.
        using (var threads = new PassingThreads(2, (thread, _) =>
        {
            for (int i = 0; i < 64; i++)
                _table.Learn(Key(i % 4), (ushort)thread);
            return null;
        }))
        {
            for (uint now = 1; now <= 40 * Rounds; now++)
                _table.Tick(now, 0, () => { });
        }
        _table.Tick(1_000_000, 1, () => { });
        Assert.Empty(_table.Entries());
        for (ushort port = 0; port < 2; port++)
        {
            for (int i = 0; i < MacTable.MaxPerPort + 100; i++)
                _table.Learn(Key((port * 10_000) + i), port);
        }
        Assert.Equal([MacTable.MaxPerPort, MacTable.MaxPerPort], Enumerable.Range(0, 2).Select(port => _table.Entries().Count(e => e.Port == port)));
    }

    private static ulong Key(int number) => MacTable.Key(((ulong)number + 1) * 2 & MacAddress.Mask, 0);

    /// <summary>Threads that work in passes, as poll threads do, and can be waited for.</summary>
    private sealed class PassingThreads : IDisposable
    {
        private readonly Thread[] _threads;
        private readonly long[] _passes;
        private volatile bool _stop;

        public PassingThreads(int count, Func<int, Random, string?> pass)
        {
            _passes = new long[count];
            _threads = [.. Enumerable.Range(0, count).Select(index => new Thread(() =>
            {
                var random = new Random(index);
                while (!_stop)
                {
                    Failure ??= pass(index, random);
                    Interlocked.Increment(ref _passes[index]);
                }
            })
            { IsBackground = true })];
            foreach (var thread in _threads)
                thread.Start();
        }

        public string? Failure { get; private set; }

        public void WaitForAll()
        {
            for (int i = 0; i < _passes.Length; i++)
            {
                long until = Interlocked.Read(ref _passes[i]) + 2;
                Until.True(() => Interlocked.Read(ref _passes[i]) >= until, "a pass of a thread");
            }
        }

        public void Dispose()
        {
            _stop = true;
            foreach (var thread in _threads)
                thread.Join();
        }
    }
}
