using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace VhostSwitch.TestKit.Host;

/// <summary>
/// Sizes, offsets and constants of this project against those of C headers: collects what must be equal and has the C
/// compiler check all of it at once (<c>_Static_assert</c>).
/// </summary>
public sealed class CLayout
{
    private readonly StringBuilder _source = new("#include <stddef.h>\n#include <stdint.h>\n");

    /// <summary>Begins with some headers.</summary>
    /// <param name="headers">Their names as C includes them.</param>
    public CLayout(params ReadOnlySpan<string> headers)
    {
        foreach (string header in headers)
            _source.Append(CultureInfo.InvariantCulture, $"#include <{header}>\n");
    }

    /// <summary>Adds C source, for structures that no header has.</summary>
    /// <param name="source">Declarations.</param>
    public CLayout Declare(string source)
    {
        _source.AppendLine(source);
        return this;
    }

    /// <summary>Demands that a structure has the size of the one in C.</summary>
    /// <typeparam name="T">The structure here.</typeparam>
    /// <param name="type">The type in C.</param>
    public unsafe CLayout Size<T>(string type)
        where T : unmanaged => Constant(sizeof(T), $"sizeof({type})");

    /// <summary>Demands that a field has the offset of the one in C.</summary>
    /// <typeparam name="T">The structure here.</typeparam>
    /// <param name="name">The field here.</param>
    /// <param name="type">The type in C.</param>
    /// <param name="field">The field in C.</param>
    public CLayout Field<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicFields | DynamicallyAccessedMemberTypes.NonPublicFields)] T>(string name, string type, string field)
        where T : unmanaged => Constant(Marshal.OffsetOf<T>(name), $"offsetof({type}, {field})");

    /// <summary>Demands that a number is that of an expression in C.</summary>
    /// <param name="value">The number here.</param>
    /// <param name="expression">The expression in C.</param>
    public CLayout Constant(long value, string expression)
    {
        _source.Append(CultureInfo.InvariantCulture, $"_Static_assert(({expression}) == {(ulong)value}ULL, \"{expression} is not {value}\");\n");
        return this;
    }

    /// <summary>Runs the compiler.</summary>
    /// <returns>What it complains of; empty where everything is equal.</returns>
    /// <exception cref="System.ComponentModel.Win32Exception">There is no <c>gcc</c>.</exception>
    public string Complaints()
    {
        var start = new ProcessStartInfo("gcc", ["-x", "c", "-std=gnu11", "-fsyntax-only", "-"]) { RedirectStandardInput = true, RedirectStandardError = true };
        using var gcc = Process.Start(start)!;
        gcc.StandardInput.Write(_source);
        gcc.StandardInput.Close();
        string complaints = gcc.StandardError.ReadToEnd();
        gcc.WaitForExit();
        return gcc.ExitCode == 0 && complaints.Length == 0 ? "" : complaints + $"(gcc ended with {gcc.ExitCode})";
    }
}
