using System.Runtime;
using System.Runtime.CompilerServices;

namespace VhostSwitch.Dataplane.Tests;

public sealed class PrecompilationTests
{
    [Fact]
    public void WhatIsCompiledBeforeIsNotCompiledWhenItIsCalled()
    {
        Func<int, int> unprepared = new Counter<byte>().Count, prepared = new Counter<short>().Count;
        Precompilation.Compile([typeof(Counter<short>)]);
        // What surrounds a call is compiled with the first.
        CompiledBy(new Counter<long>().Count);
        Func<int, int> argument = new Step().By;
        Precompilation.Compile([typeof(Counter<Step>)]);
        Assert.Equal(0, CompiledBy(argument));
        Assert.Equal(1, CompiledBy(unprepared));
        Assert.Equal(0, CompiledBy(unprepared));
        Assert.Equal(0, CompiledBy(prepared));
    }

    [Fact]
    public void TypesMayBeNamedAgainAndHaveMethodsWithoutCode()
    {
        Precompilation.Compile([typeof(PollThread), typeof(InputQueue), typeof(PollThread)]);
        Precompilation.Compile([typeof(InputQueue)]);
    }

    private static long CompiledBy(Func<int, int> call)
    {
        long before = JitInfo.GetCompiledMethodCount(currentThread: true);
        call(1);
        return JitInfo.GetCompiledMethodCount(currentThread: true) - before;
    }

    private sealed class Step
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        public int By(int number) => number + 1;
    }

    private sealed class Counter<T>
    {
        private int _count;

        [MethodImpl(MethodImplOptions.NoInlining)]
        public int Count(int by) => _count += by + Unsafe.SizeOf<T>();
    }
}
