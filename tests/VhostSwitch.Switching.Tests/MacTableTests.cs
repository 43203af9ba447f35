using VhostSwitch.Dataplane;
using VhostSwitch.Packets;

namespace VhostSwitch.Switching.Tests;

public sealed class MacTableTests : IDisposable
{
    private readonly MacTable _table = new();

    public void Dispose() => _table.Dispose();

    [Fact]
    public void KnowsNothingAtFirst() => Assert.Equal(MacTable.NoPort, _table.Find(Key(1)));

    [Fact]
    public void LearnsAnAddress()
    {
        _table.Learn(Key(1), 7);
        Assert.Equal(7, _table.Find(Key(1)));
        Assert.Equal([new MacEvent(MacEventKind.Learned, new MacAddress(2), 0, 7)], _table.TakeEvents());
        Assert.Empty(_table.TakeEvents());
    }

    [Fact]
    public void KeepsTheSameAddressOfTwoVlansApart()
    {
        _table.Learn(MacTable.Key(2, 10), 1);
        _table.Learn(MacTable.Key(2, 11), 2);
        Assert.Equal(1, _table.Find(MacTable.Key(2, 10)));
        Assert.Equal(2, _table.Find(MacTable.Key(2, 11)));
        Assert.Equal(MacTable.NoPort, _table.Find(MacTable.Key(2, 0)));
    }

    [Fact]
    public void MovesAnAddress()
    {
        _table.Learn(Key(1), 7);
        _table.Learn(Key(1), 8);
        Assert.Equal(8, _table.Find(Key(1)));
        Assert.Equal(MacEventKind.Moved, _table.TakeEvents()[1].Kind);
        Assert.Single(_table.Entries());
    }

    [Fact]
    public void CountsWhatBecameOfAddresses()
    {
        _table.Learn(Key(1), 7);
        _table.Learn(Key(2), 7);
        _table.Learn(Key(1), 8);
        _table.Learn(Key(1), 8);
        Assert.Equal((2ul, 1ul, 0ul), (_table.Learned, _table.Moved, _table.Expired));
        _table.Tick(400, 300, () => { });
        Assert.Equal(2ul, _table.Expired);
        _table.Tick(401, 300, () => { });
        Assert.Equal(2ul, _table.Expired);
    }

    [Fact]
    public void GivesAPortNoMoreThanItsShare()
    {
        for (ulong i = 0; i < MacTable.MaxPerPort + 10; i++)
            _table.Learn(Key(i), 1);
        Assert.Equal(MacTable.MaxPerPort, _table.Entries().Count);
        Assert.Equal(10ul, _table.NotLearned);
        _table.Learn(Key(100_000), 2);
        Assert.Equal(2, _table.Find(Key(100_000)));
    }

    [Fact]
    public void LearnsNoMoreThanItIsAllowed()
    {
        _table.Most = 10;
        for (ulong i = 0; i < 12; i++)
            _table.Learn(Key(i), 1);
        Assert.Equal(10, _table.Entries().Count);
        Assert.Equal(2ul, _table.NotLearned);
        // Those that move need no room, and those that go give theirs.
        _table.Learn(Key(0), 2);
        Assert.Equal(2, _table.Find(Key(0)));
        _table.Forget(2);
        _table.Learn(Key(100), 1);
        Assert.Equal(1, _table.Find(Key(100)));
        Assert.Equal(10, _table.Entries().Count);
    }

    [Fact]
    public void LetsAPortWithAFullShareTakeNoAddressFromAnother()
    {
        for (ulong i = 0; i < MacTable.MaxPerPort; i++)
            _table.Learn(Key(i), 1);
        _table.Learn(Key(100_000), 2);
        _table.Learn(Key(100_000), 1);
        Assert.Equal(2, _table.Find(Key(100_000)));
    }

    [Fact]
    public void GivesTheShareBackWhenAnAddressMoves()
    {
        for (ulong i = 0; i < MacTable.MaxPerPort; i++)
            _table.Learn(Key(i), 1);
        _table.Learn(Key(0), 2);
        _table.Learn(Key(100_000), 1);
        Assert.Equal(1, _table.Find(Key(100_000)));
    }

    [Fact]
    public void GivesTheShareBackWhenAddressesAge()
    {
        for (ulong i = 0; i < MacTable.MaxPerPort; i++)
            _table.Learn(Key(i), 1);
        _table.Tick(301, 300, () => { });
        _table.Learn(Key(100_000), 1);
        Assert.Equal(1, _table.Find(Key(100_000)));
        Assert.Single(_table.Entries());
    }

    [Fact]
    public void ForgetsWhatIsOldAndKeepsWhatWasSeen()
    {
        _table.Learn(Key(1), 1);
        _table.Learn(Key(2), 1);
        _table.Tick(200, 300, () => { });
        _table.Learn(Key(2), 1);
        _table.Tick(300, 300, () => { });
        Assert.Equal(1, _table.Find(Key(1)));
        _table.Tick(301, 300, () => { });
        Assert.Equal(MacTable.NoPort, _table.Find(Key(1)));
        Assert.Equal(1, _table.Find(Key(2)));
    }

    [Fact]
    public void ForgetsEveryAddressInTheSecondInWhichItIsTooOld()
    {
        const uint age = 10, last = 40;
        uint[] seen = new uint[20];
        for (uint now = 0; now < last; now++)
        {
            _table.Tick(now, age, () => { });
            // Each is heard of a few times at a pace of its own, and then no more.
            for (uint i = 0; i < seen.Length && now < 15; i++)
            {
                if (now < i || (now - i) % 4 != 0) continue;
                _table.Learn(Key(i), 1);
                seen[i] = now;
            }
            for (uint i = 0; i < Math.Min(seen.Length, 15); i++)
                Assert.Equal(now >= i && now - seen[i] <= age ? 1 : MacTable.NoPort, _table.Find(Key(i)));
        }
        Assert.Empty(_table.Entries());
    }

    [Fact]
    public void GoesByAShorterAgeAtOnce()
    {
        _table.Learn(Key(1), 1);
        _table.Tick(301, 400, () => { });
        Assert.Equal(1, _table.Find(Key(1)));
        _table.Tick(302, 300, () => { });
        Assert.Equal(MacTable.NoPort, _table.Find(Key(1)));
    }

    [Fact]
    public void AgesNothingWithoutALimit()
    {
        _table.Learn(Key(1), 1);
        _table.Tick(1_000_000, 0, () => { });
        Assert.Equal(1, _table.Find(Key(1)));
    }

    [Fact]
    public void TakesARefreshThatComesWhileItAges()
    {
        _table.Learn(Key(1), 1);
        _table.Tick(301, 300, () => _table.Learn(Key(1), 1));
        Assert.Equal(1, _table.Find(Key(1)));
        _table.Tick(302, 300, () => { });
        Assert.Equal(1, _table.Find(Key(1)));
    }

    [Fact]
    public unsafe void LooksUpManyAddressesWhereEachIsFoundAlone()
    {
        const int count = Burst.MaxFrames;
        var keys = stackalloc MacKeys[count];
        var frames = stackalloc Frame[count];
        for (int i = 0; i < count; i++)
        {
            keys[i] = new MacKeys { Source = Key((ulong)i), Destination = Key((ulong)(100 + i)) };
            _table.Learn(keys[i].Source, 1);
            _table.Learn(keys[i].Destination, (ushort)(2 + i));
        }
        Assert.Equal(0u, _table.Forward(frames, keys, count, 1));
        for (int i = 0; i < count; i++)
            Assert.Equal(2 + i, frames[i].Output);
        // Half of them have moved.
        for (int i = 0; i < count; i += 2)
            _table.Learn(keys[i].Source, 100);
        Assert.Equal(0x5555_5555u, _table.Forward(frames, keys, count, 1));
    }

    [Fact]
    public void WaitsForTheThreadsBeforeAnotherAddressTakesAPlace()
    {
        _table.Learn(Key(1), 1);
        bool waited = false;
        _table.Tick(301, 300, () =>
        {
            waited = true;
            Assert.Equal(MacTable.NoPort, _table.Find(Key(1)));
        });
        Assert.True(waited);
    }

    [Fact]
    public void ForgetsAPort()
    {
        _table.Learn(Key(1), 1);
        _table.Learn(Key(2), 2);
        _table.Forget(1);
        Assert.Equal(MacTable.NoPort, _table.Find(Key(1)));
        Assert.Equal(2, _table.Find(Key(2)));
        _table.Learn(Key(1), 3);
        Assert.Equal(3, _table.Find(Key(1)));
    }

    [Fact]
    public void ForgetsAPortAndItsShare()
    {
        for (ulong i = 0; i < MacTable.MaxPerPort; i++)
            _table.Learn(Key(i), 1);
        _table.Forget(1);
        _table.Tick(1, 300, () => { });
        for (ulong i = 0; i < MacTable.MaxPerPort; i++)
            _table.Learn(Key(100_000 + i), 1);
        Assert.Equal(MacTable.MaxPerPort, _table.Entries().Count);
    }

    [Fact]
    public void ClaimsAnAddressForOnePortAlone()
    {
        Assert.True(_table.TryClaim(Key(1), 1));
        Assert.True(_table.TryClaim(Key(1), 1));
        Assert.False(_table.TryClaim(Key(1), 2));
        Assert.Equal(1, _table.Find(Key(1)));
    }

    [Fact]
    public void CountsEventsThatNobodyFetched()
    {
        for (ulong i = 0; i < 300; i++)
            _table.Learn(Key(i), 1);
        Assert.Equal(256, _table.TakeEvents().Length);
        Assert.Equal(44ul, _table.EventsLost);
    }

    /// <summary>Addresses that follow each other, as those of guests do, whatever number the table has drawn.</summary>
    [Fact]
    public void HoldsTheSharesOfSixteenPorts()
    {
        const int tables = 300;
        for (int n = 0; n < tables; n++)
        {
            using var table = new MacTable();
            for (ushort port = 0; port < 16; port++)
            {
                for (ulong i = 0; i < MacTable.MaxPerPort; i++)
                    table.Learn(Key(((ulong)port * 100_000) + i), port);
            }
            // A quarter full, two buckets of four: a handful at most finds no place.
            Assert.InRange(table.Entries().Count, (16 * MacTable.MaxPerPort) - 64, 16 * MacTable.MaxPerPort);
        }
    }

    // Not a group address, and no key of 0.
    private static ulong Key(ulong number) => MacTable.Key(number * 2 & MacAddress.Mask, 0);
}
