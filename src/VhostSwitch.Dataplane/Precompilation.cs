using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace VhostSwitch.Dataplane;

/// <summary>
/// Has the runtime compile code of the data path before a poll thread first comes by: otherwise it is the first frames that wait for it, for ten
/// milliseconds and more. For control threads.
/// </summary>
public static class Precompilation
{
    private const BindingFlags Own = BindingFlags.DeclaredOnly | BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;

    private static readonly ConcurrentDictionary<Type, bool> Done = new();

    /// <summary>Compiles all methods of types and of their type arguments, once.</summary>
    /// <param name="types">The types, none of them open.</param>
    [UnconditionalSuppressMessage("Trimming", "IL2075", Justification = "A method that was trimmed away is never called.")]
    public static void Compile(IEnumerable<Type> types)
    {
        foreach (var type in types)
        {
            // The runtime's own are compiled.
            if (type.Assembly == typeof(object).Assembly || !Done.TryAdd(type, true)) continue;
            Compile(type.GenericTypeArguments);
            // Of a method with type arguments of its own nobody knows here with which it is called.
            foreach (var method in type.GetMethods(Own).Where(method => !method.IsAbstract && !method.IsGenericMethodDefinition))
                RuntimeHelpers.PrepareMethod(method.MethodHandle, [.. type.GenericTypeArguments.Select(argument => argument.TypeHandle)]);
        }
    }
}
